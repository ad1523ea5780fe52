"""How the operations of a project relate to each other and to other stores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from audits.js.evaluation import expression_names
from audits.js.evaluation.engine import Engine
from audits.js.evaluation.places import place
from audits.js.evaluation.project import File
from audits.js.evaluation.values import Context
from audits.js.kv import options, ways
from audits.js.relations import arriving, consistent, consistent_writes, keeping, rewrites
from audits.js.relations.arriving import Arrival
from audits.js.relations.fallbacks import Fallbacks
from audits.js.relations.flow import Flows
from audits.js.relations.rewrites import Key, Rewrites, Sink
from audits.js.relations.store_reads import StoreReads
from audits.js.syntax.facts import Call, Expr
from audits.operation import Has, Method, Operation, Relation, RelationKind, Template

Found = tuple[File, Call, Operation]
_READS = (Method.GET, Method.GET_WITH_METADATA)
_Function = tuple[int, int]
_MOST = 12
_NEAREST = 100
_ALWAYS = -1
"""In place of the identity of an expression: whatever is written."""


def related(engine: Engine, found: Sequence[Found]) -> Iterator[Operation]:
    """The operations with their relations."""
    relating = _Relating(engine, found)
    for file, call, operation in found:
        relations = relating.of(file, call, operation)
        yield replace(operation, relations=relations) if relations else operation


class _Relating:
    """What is known of the whole project while each operation is asked about."""

    def __init__(self, engine: Engine, found: Sequence[Found]) -> None:
        self._engine = engine
        self._flows = Flows(engine)
        self._fallbacks = Fallbacks(self._flows)
        self._rewriting = Rewrites(self._flows, self._fallbacks)
        self._found = found
        self._arrived: dict[int, list[Arrival]] = {}
        self._verbs: dict[int, str] = {}
        self._made_of: dict[_Function, dict[int, list[int]]] = {}
        reading = {(f.index, id(call.expr)) for f, call, one in found if one.method in _READS}
        self._stores = StoreReads(self._flows, reading)

    def _keeps_metadata(self, operation: Operation) -> bool:
        """Does any put of the project give metadata to such keys, or to some of those that are listed?"""
        return any(
            binding == name and (prefix == key.prefix or (listed and prefix.startswith(key.prefix)))
            for listed in (operation.method is Method.LIST,)
            for key in operation.keys
            for name in operation.binding.split("|")
            for binding, prefix in self._with_metadata
            if not key.unknown
        )

    @cached_property
    def _with_metadata(self) -> set[tuple[str, str]]:
        """Bindings and beginnings of keys to which puts give metadata."""
        return {
            (name, key.prefix)
            for _, _, put in self._found
            if put.method is Method.PUT and put.metadata in (Has.YES, Has.MAYBE)
            for key in put.keys
            for name in put.binding.split("|")
            if not key.unknown
        }

    @cached_property
    def _consistent(self) -> bool:
        return consistent.used(self._engine)

    def of(self, file: File, call: Call, operation: Operation) -> tuple[Relation, ...]:
        """The relations of one operation, sorted and bounded."""
        made: dict[Relation, None] = {}
        if operation.method in _READS:
            for arrival in self._arrivals(file, call):
                found = [*self._beside_stores(arrival), *self._kept(arrival)]
                keys = self._keys(file, call, arrival) if found else ()
                made.update(dict.fromkeys(replace(relation, keys=keys) for relation in found))
        elif operation.method is Method.PUT:
            made.update(dict.fromkeys(self._rewrites(file, call, operation)))
        if operation.method in (Method.PUT, Method.DELETE):
            made.update(dict.fromkeys(self._also(file, call, operation.method)))
        return tuple(sorted(made)[:_MOST])

    def _also(self, file: File, call: Call, method: Method) -> Iterator[Relation]:
        """Writes of a consistent store that do the same."""
        if not self._consistent:
            return
        function = file.function_around(call.scope)
        for other in self._stores.calls(file, arriving.outermost(file, call.scope)):
            if other is call or file.function_around(other.scope) != function:
                continue
            if self._verb(file, other) == method:
                where = place(file, other.expr[1], other.expr[2])
                yield Relation(RelationKind.ALSO, where, how=str(method))

    def _verb(self, file: File, call: Call) -> str:
        key = id(call.expr)
        if key not in self._verbs:
            self._verbs[key] = consistent_writes.verb(self._engine, file, call)
        return self._verbs[key]

    def _keys(self, file: File, call: Call, arrival: Arrival) -> tuple[Template, ...]:
        """What the key is when the call is reached by those that lead to it from there."""
        if arrival.direct or not call.expr[4]:
            return ()
        context: Context = ()
        for function, site in arrival.entered:
            context = (ways.frame_of(self._engine, function, site, context),)
        first = call.expr[4][0]
        values = self._engine.ask(file, first, call.scope, context)
        return options.of_values(values, expression_names.text_of(first))

    def _arrivals(self, file: File, call: Call) -> list[Arrival]:
        found = self._arrived.get(id(call.expr))
        if found is None:
            found = list(arriving.arrivals(self._engine, self._flows, file, call.expr, call.scope))
            self._arrived[id(call.expr)] = found
        return found

    def _beside_stores(self, arrival: Arrival) -> Iterator[Relation]:
        """Fallbacks between a read of KV and the consistent reads in the same function."""
        if not self._consistent:
            return
        for other, store in self._stores.within(
            arrival.file, arriving.outermost(arrival.file, arrival.scope)
        ):
            if _overlap(other.expr, arrival.expr):
                continue
            behind = self._fallbacks.between(other, arrival)
            kind, how = RelationKind.FALLBACK, behind
            if behind is None:
                kind, how = RelationKind.BEFORE, self._fallbacks.between(arrival, other)
            if how is None or (kind is RelationKind.BEFORE and how.how == "unbound"):
                continue
            where = place(other.file, other.expr[1], other.expr[2])
            via = () if arrival.direct else (place(arrival.file, arrival.expr[1], arrival.expr[2]),)
            depth = len(arrival.entered)
            yield Relation(kind, where, store.what, how.how, how.together, store.text, through=depth, via=via)

    def _kept(self, arrival: Arrival) -> Iterator[Relation]:
        for kept in keeping.kept(self._engine, self._flows, arrival):
            where = place(kept.file, kept.start, kept.end)
            how = "ends" if kept.ends else ""
            yield Relation(RelationKind.KEPT, where, kept.what, how, text=kept.name)

    @cached_property
    def _reads(self) -> dict[_Function, list[tuple[Arrival, File, Call, Operation]]]:
        """The places where results of reads arrive, by the outermost function that they are in."""
        table: dict[_Function, list[tuple[Arrival, File, Call, Operation]]] = {}
        for file, call, operation in self._found:
            if operation.method in (*_READS, Method.LIST) and operation.bulk is None:
                for arrival in self._arrivals(file, call):
                    key = (arrival.file.index, arriving.outermost(arrival.file, arrival.scope))
                    table.setdefault(key, []).append((arrival, file, call, operation))
        return table

    def _reads_for(self, function: _Function, sink: Sink) -> Iterator[tuple[Arrival, File, Call, Operation]]:
        """Those reads of a function that can matter to a put: of plain gets only those that what is
        written is made of, of the others the nearest before it."""
        reads = self._reads.get(function, [])
        if function not in self._made_of:
            table: dict[int, list[int]] = {}
            for number, (arrival, *_, other) in enumerate(reads):
                for reached in self._flows.of(arrival.file, arrival.expr).reached:
                    table.setdefault(reached, []).append(number)
                if other.method is not Method.GET:
                    table.setdefault(_ALWAYS, []).append(number)
            self._made_of[function] = table
        table = self._made_of[function]
        numbers = {number for value in sink.values for number in table.get(id(value), ())}
        before = [n for n in table.get(_ALWAYS, ()) if reads[n][0].expr[1] <= sink.expr[1]]
        for number in sorted(numbers.union(before[-_NEAREST:])):
            yield reads[number]

    def _rewrites(self, file: File, call: Call, operation: Operation) -> Iterator[Relation]:
        """The reads of the same key that the put comes after."""
        put_key = (file, call.expr[4][0], call.scope) if call.expr[4] else None
        for sink in rewrites.sinks(self._engine, self._flows, file, call) if put_key is not None else ():
            key = (sink.file.index, arriving.outermost(sink.file, sink.scope))
            for arrival, owner, read, other in self._reads_for(key, sink):
                if put_key is not None and arrival.expr is not sink.expr:
                    yield from self._rewrite(operation, sink, put_key, arrival, owner, read, other)

    def _rewrite(
        self,
        operation: Operation,
        sink: Sink,
        put_key: Key,
        arrival: Arrival,
        owner: File,
        read: Call,
        other: Operation,
    ) -> Iterator[Relation]:
        what = str(other.method)
        elsewhere = "" if _one_namespace(operation, other) else "copied"
        if other.method is Method.LIST:
            if rewrites.listed(self._flows, arrival, sink, put_key):
                text = "metadata" if self._keeps_metadata(other) else ""
                yield Relation(RelationKind.REWRITE, other.place, what, elsewhere, text=text)
            return
        if not read.expr[4]:
            return
        read_key = (owner, read.expr[4][0], read.scope)
        wanted = other.method is Method.GET_WITH_METADATA
        found = self._rewriting.between(arrival, read_key, sink, put_key, wanted=wanted)
        if found is not None:
            how = "absent" if found.absent else elsewhere
            depth = len(arrival.entered) + len(sink.entered)
            told = other.method is Method.GET_WITH_METADATA and "metadata" in other.value_names
            text = "metadata" if told or self._keeps_metadata(operation) else ""
            together = 2 if found.depends else 0
            via = () if not sink.entered else (place(sink.file, sink.expr[1], sink.expr[2]),)
            if arrival.entered:
                via = (place(arrival.file, arrival.expr[1], arrival.expr[2]), *via)
            yield Relation(
                RelationKind.REWRITE, other.place, what, how, together, text, found.indexes, depth, via
            )


def _overlap(first: Expr, second: Expr) -> bool:
    """Is one of the two inside of the other?"""
    return bool(first[1] <= second[1] < first[2] or second[1] <= first[1] < second[2])


def _one_namespace(first: Operation, second: Operation) -> bool:
    """Do both go to the same namespace, as far as is known?"""
    if first.binding and second.binding:
        return bool(set(first.binding.split("|")) & set(second.binding.split("|")))
    return True
