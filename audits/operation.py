"""What the analyser says of the code: every KV operation it found, with the evidence for each claim.

    files ─▶ audits.js: facts ─▶ linked ─▶ Operation ─▶ audits.rules ─▶ Finding ─▶ audits.formats

All of it is plain and immutable: it can be cached, sorted and compared, and rules never see a
syntax tree.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Method(enum.StrEnum):
    """The methods of a KV namespace."""

    GET = "get"
    GET_WITH_METADATA = "getWithMetadata"
    PUT = "put"
    DELETE = "delete"
    LIST = "list"


class Confidence(enum.IntEnum):
    """How certain a claim is; compared with < and >."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of one file. `path` is relative to the audited root, with `/`.

    Lines and columns count from 1; columns count characters. `start` and `end` are byte offsets.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a claim: `kind` for programs (`wrangler-binding`, `type-annotation`, …), `text`
    a sentence for people, `place` where it stands in the code (None: in a configuration)."""

    kind: str
    text: str
    place: Place | None = None


@dataclass(frozen=True, slots=True, order=True)
class Hole:
    """A part of a key that is not constant. `name`: the variable or property that fills it, "" when
    nothing names it; `helper`: the function that made it, "" when none did."""

    name: str = ""
    helper: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Template:
    """A key: text and holes in turn. `unknown`: nothing at all is known of it (then no parts)."""

    parts: tuple[str | Hole, ...] = ()
    unknown: bool = False

    def __str__(self) -> str:
        """`spotify_session:{sessionId}`, `{}` for a nameless hole, `?` for an unknown key."""
        if self.unknown:
            return "?"
        return "".join(p if isinstance(p, str) else "{" + p.name + "}" for p in self.parts)

    @property
    def constant(self) -> str | None:
        """The whole key when it has no hole."""
        if self.unknown or any(isinstance(part, Hole) for part in self.parts):
            return None
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def prefix(self) -> str:
        """The constant text before the first hole."""
        return self.parts[0] if self.parts and isinstance(self.parts[0], str) else ""


class Has(enum.StrEnum):
    """Does something hold on every path that reaches the call?"""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Number:
    """An option's value: `values` are the constants it can be (sorted), `exact` that there are no
    others. `text` is the source of the expression."""

    values: tuple[float, ...] = ()
    exact: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ttl:
    """The verdict on a put: has it an `expirationTtl` or `expiration`?

    MAYBE: some path, branch or caller has none; `without` are the places of those (callers,
    branches). `option` says which of the two it is, "" when neither.
    """

    has: Has
    ttl: Number | None = None
    expiration: Number | None = None
    without: tuple[Place, ...] = ()
    why: str = ""


class Awaited(enum.StrEnum):
    """What becomes of the promise."""

    AWAITED = "awaited"
    RETURNED = "returned"
    WAIT_UNTIL = "waitUntil"
    CHAINED = "chained"
    STORED = "stored"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Enclosing:
    """What surrounds a call: innermost function and class names ("" when there are none).

    `handlers`: names of entry points that are certain to lead here (`scheduled`, `alarm`, `queue`,
    `setInterval`, `webSocketMessage`). `loop`: it runs once per item of a loop or of `.map`,
    `.forEach` …; the item's expression as text. `guarded`: a condition on change or age stands
    between the entry and the call.
    """

    function: str = ""
    cls: str = ""
    handlers: tuple[str, ...] = ()
    loop: str = ""
    guarded: bool = False
    test_file: bool = False
    cookies_read: bool = False


class RelationKind(enum.StrEnum):
    """How an operation stands to another place of the code.

    FALLBACK: a read of KV that stands in for one of a consistent store. BEFORE: a read of KV in front of
    one. REWRITE: a put on a key that was read before. KEPT: what was read is kept in the isolate, and
    nothing ends that.
    """

    FALLBACK = "fallback"
    BEFORE = "before"
    REWRITE = "rewrite"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """One such relation. `place`: of the other read, or of what keeps it.

    `what`: the store (`Durable Object`, `D1`, …), the method that read, or what keeps it. `how`: for
    reads absent, failed, or unbound, whichever makes the second one run; for a put absent when it is
    made only where nothing was read, copied when it goes to another namespace. `together`: 2 when both
    results are one thing, or the put writes what was read or is made of it; 1 when something is made
    of both. `text`: the words of the store's read, the name of what keeps it, or for a
    put `metadata` when such keys are known to have some. `indexes`: names of
    the computed keys by which what was read is taken apart. `through`: how many calls of the project's
    functions lie between.
    """

    kind: RelationKind
    place: Place
    what: str = ""
    how: str = ""
    together: int = 0
    text: str = ""
    indexes: tuple[str, ...] = ()
    through: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an object literal, by its name; the bytes `start`..`end` are its value's."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Argument:
    """What stands as an argument of a call in the file: the bytes `start`..`end`.

    `text`: its source, if it is an object literal with nothing but named members, or `undefined` or
    `null`; "" for everything else. `members`: those of the object.
    """

    start: int
    end: int
    text: str = ""
    members: tuple[Member, ...] = ()

    def member(self, name: str) -> Member | None:
        """The member of that name, None when there is none or more than one."""
        found = [one for one in self.members if one.name == name]
        return found[0] if len(found) == 1 else None

    def source(self, member: Member) -> str:
        """The source of a member's value."""
        return self.text.encode()[member.start - self.start : member.end - self.start].decode()


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a KV namespace's method in the code.

    `place`: of the method's name; `call`: of the whole call. `binding`: the namespace's binding
    name, "" when it is not known. `keys`: every template that the key can be (sorted, bounded);
    for a list, of its prefix. `value_names`: names and type names of what is written or what the
    result is assigned to. `bulk`: how many keys a bulk get is given, None when it is no bulk get
    or not known. `callers`: where a wrapper was called from, when that decided something.
    `arguments`: where they stand, () when some are spread or the method goes by another name.
    """

    method: Method
    place: Place
    call: Place
    binding: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    keys: tuple[Template, ...]
    ttl: Ttl | None
    cache_ttl: Number | None
    metadata: Has
    value_names: tuple[str, ...]
    awaited: Awaited
    enclosing: Enclosing
    bulk: int | None = None
    cursor_followed: Has = Has.UNKNOWN
    callers: tuple[Place, ...] = ()
    receiver: str = ""
    options_text: str = ""
    arguments: tuple[Argument, ...] = ()
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Branch:
    """Code that runs only where a namespace is not bound, and ends there.

    `place`: of what is asked for; `arm`: of the code; `leaves`: return or throw; `text`: the code in one
    line, cut. `operations`: what is done to the namespace in the same function, or else anywhere; sorted
    by place and bounded.
    """

    place: Place
    arm: Place
    binding: str
    receiver: str
    confidence: Confidence
    leaves: str
    text: str
    function: str = ""
    operations: tuple[Operation, ...] = field(default=(), compare=False, repr=False)
