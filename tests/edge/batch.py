"""Many random walks of the model at once, done by the real session store, its objects and the exporter.

A batch has one timeline: roll-outs, verifies, ticks, days and the exporter's calls are everybody's, and
between them the operations of each session go on step by step, as its own walk says. Every step must end
under the name that the model has for it, and every read must give what the model says.
"""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from migrate.bridge_keys import VARIABLE, find_bridge_keys
from migrate.core.comparing import AGAINST, Kind, Rules, Stage, classify
from migrate.core.limiting import MemoryRequestLog, Rate
from migrate.core.record import Key, Origin, Row, expired, holds
from migrate.stores.cloudflare import Api
from migrate.stores.durable import Bridge, DurableTarget
from migrate.stores.kv import KvSource
from tests.edge.edge import PREFIX, Edge
from tests.edge.stepped import Call, Stepped
from tests.model import toolkit
from tests.model import world as model
from tests.model.copied import Copied
from tests.model.timeline import VERIFY, Timeline
from tests.model.walking import RULES, Look, Step, Walk
from tests.model.world import APP, BOTH, COPY, NOTHING, TTL, Record, Session
from tests.stores import kv_server
from tests.stores.durable_side import keys as bridge_keys

DAY = 86_400
TICK = 160.0
"""Seconds: longer than a half may take and than H, and two of them are longer than an import's lease."""

_ORIGINS = {COPY: Origin.COPY, BOTH: Origin.DUAL, APP: Origin.APP}
_batches = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Build:
    """What is tested: the store's build, the objects' binding, their placement, and the bridge to them. An
    exporter walks along over shards only: other objects have to be listed."""

    store: str = "EDGE"
    objects: str = "OWN"
    bridge: str = "walked"
    placement: str = "shards:4"


@dataclass(slots=True)
class Counts:
    """How much has been compared. `names`: of the steps, as the code told those of the application."""

    walks: int = 0
    steps: int = 0
    reads: int = 0
    rows: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Those of another batch, too."""
        self.walks += other.walks
        self.steps += other.steps
        self.reads += other.reads
        self.rows += other.rows
        self.names.update(other.names)


class Disagreement(AssertionError):
    """The code does not do what the model says. The message is the walk of the session, to its end."""


class Batch:
    """Walks of one seed. `run` does all of them; raises Disagreement."""

    def __init__(
        self, edge: Edge, seed: int, walks: int = 40, rounds: int = 70, build: Build | None = None
    ) -> None:
        self._edge, self._seed, self._rounds = edge, seed, rounds
        self._build = build or Build()
        self._chance = random.Random(seed)
        self._name = f"batch-{next(_batches)}"
        self._world = f"{self._name}:"
        self._base = float(int(time.time()))
        self._now = self._base
        ids = [f"w{seed}-{number:03}" for number in range(walks)]
        self._line = Timeline(self._chance, {one: Walk(random.Random(f"{seed} {one}")) for one in ids})
        self._copied: dict[str, Copied] = {}
        self._exporter: Stepped | None = None
        self._settling = self._later = False  # of the exporter's sweep; has one been finished before?
        self._since_read = 0  # ticks
        self._everybody: dict[str, Walk] = dict(self._line.walks)
        self._verified: dict[str, tuple[Record | None, Row | None]] = {}
        self._kv = kv_server.Kv()
        self.counts = Counts(walks=walks)

    # ------------------------------------------------------------ the whole

    def run(self) -> Counts:
        """Begin logged in at kv, and go on for all rounds."""
        self._edge.store("clock", self._base)
        bridge = self._edge.bridge(self._build.bridge)
        bridge.set_world(self._world)
        bridge.set_clock(self._base)
        self._open()
        try:
            self._log_in()
            for _ in range(self._rounds):
                self._operations()
                self._together()
        except Disagreement:
            raise
        except AssertionError as error:
            raise Disagreement(f"seed {self._seed}: {error}") from error
        finally:
            if self._exporter is not None and self._exporter.at is not None:
                self._exporter.kill()
            self._edge.store("clock", None)
            bridge.set_clock(None)
            bridge.set_world("")
        for walk in self._everybody.values():
            self.counts.names.update(name for name in walk.names if " at " not in name)
        return self.counts

    def _open(self) -> None:
        own = {
            "KVFERRY_PREFIX": PREFIX,
            "KVFERRY_PLACEMENT": self._build.placement,
            "SESSION_TOUCH_EVERY": "0",
        }
        opened = {
            "build": self._build.store,
            "objects": self._build.objects,
            "world": self._world,
            "vars": own,
        }
        self._ask("open", opened)

    def _log_in(self) -> None:
        begin = {"stage": "kv", "verb": "put", "args": [{"v": 1}, {"expiration": self._until(TTL)}]}
        self._ask("steps", {one: [{"op": 0, "begin": begin, "end": "done"}] for one in self._line.walks})
        if self._chance.random() < 0.5:
            self._take("day")

    # ------------------------------------------------------------ operations

    def _operations(self) -> None:
        """Some steps of each session, and a look after each."""
        asked: dict[str, list[dict[str, Any]]] = {}
        expected: dict[str, list[tuple[Step | Look, Session, int]]] = {}
        for one, walk in self._line.walks.items():
            for _ in range(walk.chance.choice((0, 0, 1, 1, 1))):
                step = walk.choose(self._line.now)
                if step is None:
                    break
                walk.take(step)
                asked.setdefault(one, []).append(_order(step, self._until(TTL)))
                expected.setdefault(one, []).append((step, walk.session, len(walk.names)))
                look = walk.look(self._line.now)
                if look is not None:
                    asked[one].append({"look": look.stage, "shown": look.shown})
                    expected[one].append((look, walk.session, len(walk.names)))
        answers = self._ask("steps", asked) if asked else {}
        for one, wanted in expected.items():
            for (what, session, upto), answer in zip(wanted, answers[one], strict=True):
                wrong = self._wrong(what, answer)
                if wrong:
                    self._disagree(one, wrong, session, upto)

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
        until = self._until(look.record[1]) if look.told else "unknown"
        wanted = None if look.record == NOTHING else (look.record[0], until)
        return "" if found == wanted else f"a read at {look.stage} gives {found}, and should {wanted}"

    # ------------------------------------------------------------ what happens to all

    def _together(self) -> None:
        """A step of the exporter, or one of the timeline."""
        allowed = not self._line.now.verifying and self._build.placement != "per-session"
        if allowed and self._chance.random() < (0.75 if self._exporter else 0.35):
            self._export()
            return
        name = self._line.choose(copying=self._exporter is not None)
        if name == "verify: begin":
            self._fence()
        elif name in ("verify: open", "verify: shut"):
            self._judge()
        self._take(name)
        if name in VERIFY:
            self._verify(name)

    def _take(self, name: str) -> None:
        self._line.take(name)
        if name in ("tick", "day"):
            self._since_read += 1 if name == "tick" else 2
            days = self._line.names.count("day")
            self._now = self._base + days * DAY + 1 if name == "day" else self._now + TICK
            self._edge.store("clock", self._now)
            self._edge.bridge(self._build.bridge).set_clock(self._now)
            said = self._ask("late", None)
            late = [one for one in said if not one.endswith("comes late")]
            assert late == [], f"seed {self._seed}: what came too late was done: {late}"

    # ------------------------------------------------------------ the exporter

    def _export(self) -> None:
        """Begin, go on, or be killed."""
        if self._exporter is None:
            self._begin()
        elif self._chance.random() < 0.05:
            self._exporter.kill()
            self._each(Copied.dies)
            self._line.names.append("the exporter is killed")
            self._exporter = None
        else:
            self._go_on(self._exporter)

    def _begin(self) -> None:
        self._line.names.append("the exporter begins")
        self._copied = {one: Copied(walk) for one, walk in self._line.walks.items()}
        if not self._settling:
            self._each(Copied.begins)
        self._show(list(self._everybody))
        self._since_read = 0
        self._exporter = Stepped(self._source, self._target, lambda: self._now, PREFIX)

    def _go_on(self, exporter: Stepped) -> None:
        at = exporter.at
        assert at is not None
        self._line.names.append(f"the exporter: {at.name}")
        match at.name:
            case "rows":
                wanted = {
                    key: self._copied[_id(key)].looks(fenced=self._line.fenced) for key in self._ours(at)
                }
                exporter.go()
                self._compare_rows(wanted, exporter.gate.found)
            case "read":
                blind = not self._settling and not self._later
                shown = self._show([_id(key) for key in at.keys])
                for key in self._ours(at):
                    self._copied[_id(key)].reads(shown[_id(key)], blind=blind)
                self._since_read = 0
                exporter.go()
            case "apply":
                self._apply(exporter)
            case _:
                self._take("tick")
                exporter.go()
        if exporter.at is None:
            self._exporter, self._settling, self._later = None, False, True

    def _apply(self, exporter: Stepped) -> None:
        exporter.gate.late = False
        exporter.go()
        if exporter.gate.late:
            assert self._since_read > 1, f"seed {self._seed}: a transaction in time was refused"
            self._each(Copied.dies)
            self._since_read = 0  # it lists again
            return
        self._each(lambda copied: copied.applies(fenced=self._line.fenced))
        self._settling = True

    def _each(self, do: Callable[[Copied], None]) -> None:
        for one in self._line.walks:
            do(self._copied[one])

    def _ours(self, call: Call) -> list[Key]:
        """The keys of walks that go on."""
        return [key for key in call.keys if _id(key) in self._line.walks]

    @property
    def _source(self) -> KvSource:
        api = Api(
            kv_server.BASE,
            kv_server.TOKEN,
            clock=_Standing(self._now),
            log=MemoryRequestLog(),
            rate=Rate(10**6, 1.0),
            transport=httpx.MockTransport(self._kv),
        )
        return KvSource(api, "acc", "ns")

    def _target(self, clock: Any) -> DurableTarget:
        given = {VARIABLE: bridge_keys("import", "values", now=self._now)}
        url = self._edge.bridge(self._build.bridge).url.rstrip("/")
        return DurableTarget(Bridge(url, find_bridge_keys(given, None, 0), clock=clock), clock=clock)

    def _show(self, ids: Sequence[str]) -> dict[str, Record]:
        """What the exporter and the verify see of KV from now on, stale or not."""
        chosen = {one: self._everybody[one].shown() for one in ids}
        found = self._ask("shown", chosen)
        self._kv.entries = {
            PREFIX + one: kv_server.Entry(entry["value"].encode(), entry["metadata"], entry["expiration"])
            for one, entry in found.items()
            if entry is not None
        }
        walks = self._everybody
        return {one: walks[one].entries[number].on(walks[one].day) for one, number in chosen.items()}

    # ------------------------------------------------------------ a gate's verify

    def _fence(self) -> None:
        target = self._target(_Standing(self._now))
        target.begin_gate_verify()
        target.close()
        self._verified = {}

    def _verify(self, name: str) -> None:
        """One of the two readings, of all sessions."""
        ids = list(self._line.walks)
        keys = [Key(PREFIX + one) for one in ids]
        if name == VERIFY[0]:
            shown = self._show(ids)
            records = self._source.read(keys)
            for one in ids:
                record = records[Key(PREFIX + one)]
                self._looked(one, lambda then, seen=shown[one]: then.looked[0] == (seen,))
                self._seen(one, record, None)
            return
        target = self._target(_Standing(self._now))
        rows = target.rows(keys)
        target.close()
        self._compare_rows({key: self._line.walks[_id(key)].session.row for key in keys}, rows)
        for one in ids:
            self._looked(one, lambda then: then.looked[1] != ())
            self._seen(one, None, rows.get(Key(PREFIX + one)))

    def _looked(self, one: str, wanted: Callable[[Session], bool]) -> None:
        walk = self._line.walks[one]
        before = walk.session.looked
        found = [
            (name, then)
            for name, then in toolkit.look(walk.session)
            if wanted(then) and then.looked != before
        ]
        name, walk.session = found[0]
        walk.names.append(name)

    def _seen(self, one: str, record: Any, row: Row | None) -> None:
        old = self._verified.get(one, (None, None))
        self._verified[one] = (record or old[0], row or old[1])

    def _judge(self) -> None:
        """The verify's classes against the model's word, session by session."""
        rules = Rules(stage=Stage.SHADOW_READ)
        for one, walk in self._line.walks.items():
            record, row = self._verified[one]
            kind = classify(record, row, quarantined=False, rules=rules, now=self._now)
            agrees = kind not in AGAINST or kind is Kind.MISSING
            if agrees != toolkit.agrees(walk.session, RULES):
                self._disagree(one, f"a verify says {kind}", walk.session, len(walk.names))

    # ------------------------------------------------------------ comparing

    def _compare_rows(self, wanted: Mapping[Key, model.Row | None], found: Mapping[Key, Row]) -> None:
        for key, row in wanted.items():
            self.counts.rows += 1
            wrong = self._wrong_row(row, found.get(key))
            if wrong:
                walk = self._line.walks[_id(key)]
                self._disagree(_id(key), wrong, walk.session, len(walk.names))

    def _wrong_row(self, wanted: model.Row | None, found: Row | None) -> str:
        if wanted is None or found is None or wanted.value == 0 or found.deleted:
            same = (wanted is None) == (found is None) and (
                wanted is None or found is None or (wanted.value == 0) == found.deleted
            )
            return "" if same else f"the row is {_told(found)}, and should be {wanted}"
        # An expired row's end is known no more.
        until = self._until(wanted.left) if wanted.left else found.expiration
        right = (
            holds(found.value, f'{{"v":{wanted.value}}}'.encode()),
            found.expiration == until,
            expired(found.expiration, self._now) == (wanted.left == 0),
            found.origin is _ORIGINS[wanted.origin],
        )
        return "" if all(right) else f"the row is {_told(found)}, and should be {wanted}: {right}"

    def _until(self, left: int) -> int:
        days = self._line.names.count("day")
        return int(self._base) + (days + left) * DAY

    def _ask(self, path: str, body: Any) -> Any:
        return self._edge.store(f"walking/{path}?batch={self._name}", body)

    def _disagree(self, one: str, wrong: str, session: Session, upto: int) -> None:
        steps = "\n".join(
            f"{number:4} {name}" for number, name in enumerate(self._everybody[one].names[:upto], 1)
        )
        raise Disagreement(f"seed {self._seed}, session {one}: {wrong}\n{steps}\n{session}")


class _Standing:
    """A clock for what is done at once."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """No replacement is on its way while a fence is raised, so nothing has to be waited for."""


_PARTS = {"read KV": "reads KV", "read row": "reads row"}


def _order(step: Step, until: int) -> dict[str, Any]:
    """A step as the runtime is told to do it. `until`: the expiration that a put or a touch gives."""
    order: dict[str, Any] = {"op": step.op, "end": "done", "shown": step.shown}
    for end in ("fails", "does not answer", "lands late", "is lost"):
        if step.what.endswith(end):
            order["end"] = end
    if step.late:
        order["half"] = step.what.split(" ")[0]
    if step.begins:
        value = [{"v": step.value}] if step.verb == "put" else []
        life = [{"expiration": until}] if step.verb in ("put", "touch") else []
        order["begin"] = {"stage": step.stage, "verb": step.verb, "args": [*value, *life]}
    return order


def _id(key: str) -> str:
    return key.removeprefix(PREFIX)


def _told(row: Row | None) -> str:
    return (
        "nothing"
        if row is None
        else f"{row.origin} {row.value!r} until {row.expiration}, version {row.version}"
    )
