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


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An entry point that leads to a put. `kind`: scheduled, queue, alarm, webSocketMessage,
    setInterval, or heartbeat and touch for functions and routes that are called so. `guarded`: on this way a
    condition on change or age stands before the put. `place`: the last call on the way."""

    kind: str
    place: Place
    guarded: bool


@dataclass(frozen=True, slots=True)
class Each:
    """The loop that runs a call once per item, with a key that depends on the item.

    `items`: what is looped over, as written. `place`: the call in the loop, the operation's or that
    of a function around it. `listed`: the items are keys that a list gave. `at_once`: the calls for all
    items are begun before the first one is done. `leaves`: the loop can end before the last item.
    `busy`: it waits for other things than KV as well.
    """

    items: str
    place: Place
    listed: bool
    at_once: bool
    leaves: bool
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Enclosing:
    """What surrounds a call: innermost function and class names ("" when there are none).

    `entries`: for a put, the entry points that lead here. `crons`: the cron
    triggers of the configuration that holds here. `loop`: it runs once per item of a loop or of `.map`,
    `.forEach` …; the item's expression as text; `each`: such a loop that decides on the key.
    `guarded`: a condition on change or age stands before the call on every way. `stretch`: calls of
    one file with the same number always run together; `gathered`: so do those, and at the same time
    (None: it is not in the array of a `Promise.all`). `owner`: the name that the object literal around it
    is given, "" when there is none. `key_in_cookie`: the key is read from a cookie here, or sent in one.
    `topics`: what the file, or one that calls it, speaks of (`login`, `users`, `conversation`), sorted.
    """

    function: str = ""
    cls: str = ""
    loop: str = ""
    guarded: bool = False
    test_file: bool = False
    cookies_read: bool = False
    key_in_cookie: bool = False
    entries: tuple[Entry, ...] = ()
    crons: tuple[str, ...] = ()
    each: Each | None = None
    stretch: int = 0
    gathered: int | None = None
    owner: str = ""
    topics: tuple[str, ...] = ()


class RelationKind(enum.StrEnum):
    """How an operation stands to another place of the code.

    FALLBACK: a read of KV that stands in for one of a consistent store. BEFORE: a read of KV in front of
    one. ALSO: a put or delete of KV in the same function as one of a consistent store. REWRITE: a put on
    a key that was read before. KEPT: what was read is kept in the isolate.
    """

    FALLBACK = "fallback"
    BEFORE = "before"
    ALSO = "also"
    REWRITE = "rewrite"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """One such relation. `place`: of the other read, or of what keeps it.

    `what`: the store (`Durable Object`, `D1`, …), the method that read, or what keeps it. `how`: for
    reads absent, failed, or unbound, whichever makes the second one run; for a put absent when it is
    made only where nothing was read, copied when it goes to another namespace; for what is kept ends
    when it is freed or kept with a time that somebody looks at. `together`: 2 when both
    results are one thing, or the put writes what was read or is made of it; 1 when something is made
    of both. `text`: the words of the store's read, the name of what keeps it, or for a
    put `metadata` when such keys are known to have some. `indexes`: names of
    the computed keys by which what was read is taken apart. `through`: how many calls of the project's
    functions lie between; `via`: where they are called;
    `keys`: what the read's key is when it is reached from there, () if that is not by a call.
    """

    kind: RelationKind
    place: Place
    what: str = ""
    how: str = ""
    together: int = 0
    text: str = ""
    indexes: tuple[str, ...] = ()
    through: int = 0
    via: tuple[Place, ...] = ()
    keys: tuple[Template, ...] = ()


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
class Row:
    """A read that is all of a statement `const name = await namespace.get(key, …);`.

    The bytes `start`..`end` are the statement's; `before`: where the code before it ends. `key` and
    `rest`: the source of a key that can be asked twice, and of the other arguments with what is before
    them; `types`: of the type arguments; `stop`: ";" or "". `indent`: the blanks before the statement.
    `spare`: a name that the file does not use.
    """

    name: str
    start: int
    end: int
    before: int
    key: str
    rest: str
    types: str
    stop: str
    indent: str
    spare: str


@dataclass(frozen=True, slots=True)
class KeyId:
    """A key that is certain to be `prefix` and one variable part behind it.

    The bytes `start`..`end` of the call's file hold the expression of that part, which means the same
    where the call stands; they may lie in a declaration further up. `name`: what it goes by, "" when
    nothing names it. `text`: it is certain to be a string; `fresh`: it was made at random in the same
    function, so no such key was ever used. `made_of`: when a hash or the like made it in the same
    function, the names of what it was made of.
    """

    prefix: str
    start: int
    end: int
    name: str = ""
    text: bool = False
    fresh: bool = False
    made_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a KV namespace's method in the code.

    `place`: of the method's name; `call`: of the whole call. `binding`: the namespace's binding
    name, "" when it is not known. `keys`: every template that the key can be (sorted, bounded);
    for a list, of its prefix. `value_names`: names and type names of what is written or what the
    result is assigned to. `bulk`: how many keys a bulk get is given, None when it is no bulk get
    or not known. `callers`: where a wrapper was called from, when that decided something.
    `arguments`: where they stand, () when some are spread or the method goes by another name.
    `let_go`: the calls whose promises nobody waits for, so that nobody waits for this one: its own, or
    calls of functions around it; empty when somebody does, or nothing is known. `alone`: the code
    awaits this call and nothing else meanwhile. `key_from`: where the calls begin that the key was
    made from, in bytes; `key_list`: it is a list, so a bulk get. `read_as`: the type that a get asks
    for, "" when it asks for none or for one that is not known; `caching`: is it given a `cacheTtl`?
    `limit` and `cursor_followed` are a list's; `taken`: how many of its keys are used, None when that
    is not seen. `row`: the statement that a read is all of. `key_id`: what tells the key from others of
    its kind, if that is certain; `env`: the bytes of the expression from which the namespace is taken
    by its binding's name, if it can stand here as well. `key_makers`: the names of constants and of a
    function that the code makes the key with, `key_fills`: of what they are given; sorted. `migration`: it
    stands in the session store that kvferry wrote, so it is no matter for rules.
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
    arguments: tuple[Argument, ...] = ()
    relations: tuple[Relation, ...] = ()
    let_go: tuple[Place, ...] = ()
    alone: bool = False
    key_from: tuple[int, ...] = ()
    key_list: bool = False
    read_as: str = ""
    caching: Has = Has.NO
    limit: Number | None = None
    taken: int | None = None
    row: Row | None = None
    key_id: KeyId | None = None
    env: tuple[int, int] | None = None
    key_makers: tuple[str, ...] = ()
    key_fills: tuple[str, ...] = ()
    migration: bool = False


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


@dataclass(frozen=True, slots=True, order=True)
class Unread:
    """A call on a namespace of which the audit cannot say what it does: `why` tells in a few words."""

    place: Place
    call: Place
    why: str
    confidence: Confidence
