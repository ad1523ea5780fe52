"""The users: clients that sign in, look, change their profiles and sign out, one request at a time each.

They wait the longer, the longer their last answer took, so that a slow machine is asked less. Each knows
what it may see (`knowledge`), and counts what it must not.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from migrate.demo.live.counting import ERRORS, LOGINS, LOGOUTS, REQUESTS, UPDATES, Counts
from migrate.demo.live.knowledge import Known
from migrate.demo.live.pace import Pace

_PATIENCE = 30.0  # seconds for an answer
_REMEMBERED = 5000  # answers, for the slowest of them
_RESTS = 4  # times as long as its last answer took
_OFTEN = 2  # of a user's sessions are used often, the others now and then


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: there was none. `stage`: of the version that answered."""

    status: int
    stage: str
    body: bytes
    cookie: str


class User:
    """One of them. `stage`: that of the application, where an answer does not say it."""

    def __init__(self, number: int, host: str, counts: Counts, stage: Callable[[], str]) -> None:
        self._number, self._host, self._counts, self._stage = number, host, counts, stage
        self._chance = random.Random(number)  # noqa: S311 - what a user likes to do is no secret
        self._connection: http.client.HTTPConnection | None = None
        self._edition = 0
        self._live: list[Known] = []
        self._over: list[Known] = []
        self.took = 0.0  # seconds until the last answer
        self.since: float | None = None  # when the request was made that is under way, by the monotonic clock

    def act(self, most: int) -> None:
        """One request, whatever comes to mind; `most`: how many sessions to have."""
        acts = (self._look, self._update, self._sign_out, self._look_back, self.sign_in)
        (act,) = self._chance.choices(acts, (70, 9, 6, 7, 8))
        if len(self._live) >= most and act == self.sign_in:
            act = self._sign_out
        if not self._live and act != self._look_back:
            act = self.sign_in
        act()

    def sign_in(self) -> None:
        """Another session."""
        answer = self._ask("POST", f"/sign-in?user={self._number}")
        if answer.status == 204 and answer.cookie:
            self._counts.add(LOGINS, answer.stage)
            self._live.append(Known(answer.cookie))

    def look_at_all(self, go_on: Callable[[], bool]) -> None:
        """All that it ever had, once more; nothing more once there is no answer."""
        for session in (*self._live, *self._over):
            if not go_on() or not self._read(session):
                return

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _some(self) -> Known:
        often = self._live[-_OFTEN:]
        return self._chance.choice(often if self._chance.random() < 0.8 else self._live)

    def _look(self) -> None:
        self._read(self._some())

    def _look_back(self) -> None:
        if self._over:
            self._read(self._chance.choice(self._over[-5:]))

    def _read(self, session: Known) -> bool:
        """False: there was no answer."""
        answer = self._ask("GET", "/me", session)
        if answer.status == 401:
            self._judge(session, answer, None)
        elif answer.status == 200:
            shown = json.loads(answer.body)
            if shown["user"] == str(self._number):
                self._judge(session, answer, shown["edition"])
            else:
                self._counts.add(ERRORS, answer.stage)
        return answer.status != 0

    def _update(self) -> None:
        session = self._some()
        self._edition += 1
        answer = self._ask("POST", f"/profile?edition={self._edition}", session)
        if answer.status == 401:
            self._judge(session, answer, None)
            return
        acknowledged = answer.status == 200
        session.wrote(self._edition, acknowledged=acknowledged)
        self._counts.add(UPDATES, answer.stage, int(acknowledged))

    def _sign_out(self) -> None:
        session = self._some()
        answer = self._ask("POST", "/sign-out", session)
        acknowledged = answer.status == 204
        session.signed_out(acknowledged=acknowledged)
        self._live.remove(session)
        self._over.append(session)
        self._counts.add(LOGOUTS, answer.stage, int(acknowledged))

    def _judge(self, session: Known, answer: Answer, edition: int | None) -> None:
        wrong = session.judge(edition)
        if wrong is not None:
            self._counts.add(wrong, answer.stage)
        if edition is None and not session.ended and session in self._live:
            self._live.remove(session)  # counted once

    def _ask(self, method: str, path: str, session: Known | None = None) -> Answer:
        self.since = began = time.monotonic()
        headers = {} if session is None else {"Cookie": f"sid={session.cookie}"}
        try:
            answer = self._sent(method, path, headers)
        except (OSError, http.client.HTTPException):
            self.close()
            answer = Answer(0, self._stage(), b"", "")
        self.took, self.since = time.monotonic() - began, None
        self._counts.add(REQUESTS, answer.stage)
        if answer.status not in (200, 204, 401):
            self._counts.add(ERRORS, answer.stage)
        return answer

    def _sent(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, timeout=_PATIENCE)
        self._connection.request(method, path, headers=headers)
        answer = self._connection.getresponse()
        cookie = re.match(r"sid=([\w-]+)", answer.headers.get("set-cookie", ""))
        stage = answer.headers.get("x-stage", self._stage())
        return Answer(answer.status, stage, answer.read(), cookie[1] if cookie else "")


class Crowd:
    """All users, each in a thread of its own, until they are stopped; then each looks at all it ever had.

    Used as a context: leaving it ends them all, looking or not.
    """

    def __init__(self, host: str, counts: Counts, pace: Pace, stage: Callable[[], str]) -> None:
        self._counts, self._pace, self._stage = counts, pace, stage
        self._stopped = threading.Event()
        self._dropped = False
        self._took: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)  # when it ended, seconds
        self._users = [User(number, host, counts, stage) for number in range(pace.users)]
        self._threads = [
            threading.Thread(target=self._live, args=(user,), name=f"user-{number}", daemon=True)
            for number, user in enumerate(self._users)
        ]

    def slowest(self, seconds: float) -> float:
        """How many seconds the slowest request took, or takes by now, that was under way so lately."""
        now = time.monotonic()
        ended = (took for at, took in self._took.copy() if at >= now - seconds)
        going = (now - since for user in self._users if (since := user.since) is not None)
        return max((*ended, *going), default=0.0)

    def stop(self) -> None:
        """Let them look at everything once more, and wait until all have."""
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._dropped = True
        self.stop()

    def _live(self, user: User) -> None:
        try:
            for _ in range(self._pace.sessions):
                self._done(user, user.sign_in)
            while not self._stopped.is_set():
                self._done(user, lambda: user.act(self._pace.sessions + _OFTEN))
                self._stopped.wait(max(self._pace.pause, _RESTS * user.took))
            user.look_at_all(lambda: not self._dropped)
        except (ValueError, LookupError, TypeError):  # it was told what the application never says
            self._counts.add(ERRORS, self._stage())
        finally:
            user.close()

    def _done(self, user: User, act: Callable[[], None]) -> None:
        act()
        self._took.append((time.monotonic(), user.took))
