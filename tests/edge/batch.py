"""Many random walks of the model at once, done by the real session store, its objects and the exporter.

A batch has one timeline: roll-outs, verifies, ticks, days and the exporter's calls are everybody's, and
between them the operations of each session go on step by step, as its own walk says. Every step must end
under the name that the model has for it, and every read must give what the model says. What no code does
yet is not walked: going back with `app` rows, `finish`, and purges.
"""

from __future__ import annotations

import itertools
import random
import time
from typing import Any

from tests.edge.burying import Burying
from tests.edge.edge import PREFIX, Edge
from tests.edge.exporting import Exporting
from tests.edge.gate_verifying import GateVerifying
from tests.edge.ground import Build, Counts, Disagreement, Ground
from tests.model.timeline import VERIFY, Timeline
from tests.model.walking import LOOKS, Entry, Look, Step, Walk
from tests.model.world import BEGINNING, DUAL, FIRST, NOTHING, TTL, Session

__all__ = ["Batch", "Build", "Counts", "Disagreement"]

_batches = itertools.count(1)


class Batch:
    """Walks of one seed. `run` does all of them; raises Disagreement. `missing`: the login was at dual-write,
    its object's half has failed, and before object-first there are no exports, and every other session rests:
    so there is something for the read fallback."""

    def __init__(
        self,
        edge: Edge,
        seed: int,
        walks: int = 40,
        rounds: int = 70,
        build: Build | None = None,
        *,
        missing: bool = False,
    ) -> None:
        self._missing = missing
        self._rounds = rounds
        self._chance = chance = random.Random(seed)
        ids = [f"w{seed}-{number:03}" for number in range(walks)]
        line = Timeline(chance, {one: Walk(random.Random(f"{seed} {one}")) for one in ids})
        if missing:
            line.now = BEGINNING._replace(low=DUAL, high=DUAL)
            for walk in line.walks.values():
                walk.entries = [Entry(1, TTL, told=True)]
        now = int(time.time())
        self.counts = Counts(walks=walks)
        self._line = line
        self._ground = Ground(
            edge=edge,
            seed=seed,
            name=f"batch-{next(_batches)}",
            build=build or Build(),
            line=line,
            base=now,
            now=float(now),
            everybody=dict(line.walks),
            counts=self.counts,
        )
        self._exporting = Exporting(self._ground, chance, lambda: self._take("tick"))
        self._verifying = GateVerifying(self._ground)
        self._burying = Burying(self._ground)

    # ------------------------------------------------------------ the whole

    def run(self) -> Counts:
        """Begin logged in at kv, and go on for all rounds."""
        ground = self._ground
        bridge = ground.edge.bridge(ground.build.bridge)
        ground.edge.store("clock", ground.now)
        bridge.set_world(ground.world)
        bridge.set_clock(ground.now)
        try:
            self._log_in()
            for _ in range(self._rounds):
                self._operations()
                self._together()
        except Disagreement:
            raise
        except AssertionError as error:
            raise Disagreement(f"seed {ground.seed}: {error}") from error
        finally:
            self._exporting.kill()
            ground.edge.store("clock", None)
            bridge.set_clock(None)
            bridge.set_world("")
        for walk in ground.everybody.values():
            self.counts.names.update(name for name in walk.names if " at " not in name)
        return self.counts

    def _log_in(self) -> None:
        build = self._ground.build
        own = {"KVFERRY_PREFIX": PREFIX, "KVFERRY_PLACEMENT": build.placement, "SESSION_TOUCH_EVERY": "0"}
        opened = {"build": build.store, "objects": build.objects, "world": self._ground.world, "vars": own}
        self._ground.ask("open", opened)
        stage = "dual-write" if self._missing else "kv"
        begin = {"stage": stage, "verb": "put", "args": [{"v": 1}, {"expiration": self._ground.until(TTL)}]}
        login = [{"op": 0, "begin": begin, "end": "fails" if self._missing else "done"}]
        if self._missing:
            login.append({"op": 0, "end": "done"})
        self._ground.ask("steps", dict.fromkeys(self._line.walks, login))
        if not self._missing and self._chance.random() < 0.5:
            self._take("day")  # since the login, so that there is something to renew

    # ------------------------------------------------------------ operations

    def _operations(self) -> None:
        """Some steps of each session, and a look after each."""
        asked: dict[str, list[dict[str, Any]]] = {}
        expected: dict[str, list[tuple[Step | Look, Session, int]]] = {}
        for number, (one, walk) in enumerate(self._line.walks.items()):
            if number % 2 and self._early:
                continue
            for _ in range(walk.chance.choice((0, 0, 1, 1, 1))):
                step = walk.choose(self._line.now)
                if step is None:
                    break
                walk.take(step)
                asked.setdefault(one, []).append(_order(step, self._ground.until(TTL)))
                expected.setdefault(one, []).append((step, walk.session, len(walk.names)))
                look = walk.look(self._line.now)
                if look is not None:
                    asked[one].append({"look": look.stage, "shown": look.shown})
                    expected[one].append((look, walk.session, len(walk.names)))
        answers = self._ground.ask("steps", asked) if asked else {}
        for one, wanted in expected.items():
            for (what, session, upto), answer in zip(wanted, answers[one], strict=True):
                wrong = self._wrong(what, answer)
                if wrong:
                    self._ground.disagree(one, wrong, session, upto)

    def _wrong(self, what: Step | Look, answer: dict[str, Any]) -> str:
        if isinstance(what, Look):
            self.counts.reads += 1
            return self._misread(what, answer)
        self.counts.steps += 1
        self.counts.names[answer["name"]] += 1
        found = (answer["name"], answer["answered"], answer["thrown"] is not None)
        wanted = (what.name, what.answered, what.refused)
        if not what.late:
            found, wanted = (*found, answer["after"]), (*wanted, _PARTS.get(what.after, what.after))
        return "" if found == wanted else f"the code does {found} ({answer['thrown']}), the model {wanted}"

    def _misread(self, look: Look, answer: dict[str, Any]) -> str:
        if "thrown" in answer:
            return f"a read at {look.stage} raises {answer['thrown']}"
        value = answer["value"]
        found = None if value is None else (value["data"]["v"], value["expiration"])
        until = self._ground.until(look.record[1]) if look.told else "unknown"
        wanted = None if look.record == NOTHING else (look.record[0], until)
        return "" if found == wanted else f"a read at {look.stage} gives {found}, and should {wanted}"

    # ------------------------------------------------------------ what happens to all

    def _together(self) -> None:
        """A step of the exporter, of a burial, or one of the timeline."""
        line = self._line
        tools = not line.now.verifying and not self._early
        if tools and not self._burying.at_work:
            if self._chance.random() < (0.75 if self._exporting.at_work else 0.35):
                self._exporting.step()
                return
            rests = line.settled and not line.fenced and not self._exporting.left
            if rests and not self._exporting.at_work and self._chance.random() < 0.3:
                self._burying.step()
                return
        elif self._burying.at_work and self._chance.random() < 0.6:
            self._burying.step()
            return
        name = line.choose(copying=self._exporting.at_work or self._burying.at_work)
        if name == "day" and self._early:
            name = "tick"  # nothing that rests expires
        if name == "verify: begin":
            self._verifying.begin()
        elif name in ("verify: open", "verify: shut"):
            self._verifying.judge()
        self._take(name)
        if name in VERIFY:
            self._verifying.read(name)

    @property
    def _early(self) -> bool:
        """Do sessions rest, and the exporter too?"""
        return self._missing and self._line.now.high < FIRST

    def _take(self, name: str) -> None:
        self._line.take(name)
        if name in ("tick", "day"):
            self._exporting.ticks += 1 if name == "tick" else 2
            self._ground.passes(name)
            said = self._ground.ask("late", None)
            late = [one for one in said if not one.endswith("comes late")]
            assert late == [], f"what came too late was done: {late}"


_PARTS = {"read KV": "reads KV", "read row": "reads row"}


def _order(step: Step, until: int) -> dict[str, Any]:
    """A step as the runtime is told to do it. `until`: the expiration that a put or a touch gives."""
    order: dict[str, Any] = {"op": step.op, "end": "done", "shown": step.shown}
    for end in ("fails", "does not answer", "lands late", "is lost"):
        if step.what.endswith(end):
            order["end"] = end
    order["looks"] = step.name == LOOKS
    if step.late:
        order["half"] = step.what.split(" ")[0]
    if step.begins:
        value = [{"v": step.value}] if step.verb == "put" else []
        life = [{"expiration": until}] if step.verb in ("put", "touch") else []
        order["begin"] = {"stage": step.stage, "verb": step.verb, "args": [*value, *life]}
    return order
