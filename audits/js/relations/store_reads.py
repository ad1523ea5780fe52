"""The reads of consistent stores in a function, also those that other functions make and give back."""

from __future__ import annotations

from collections.abc import Iterator, Set

from audits.js.evaluation.engine import Site
from audits.js.evaluation.project import File
from audits.js.relations import arriving, consistent
from audits.js.relations.arriving import Arrival
from audits.js.relations.consistent import Store
from audits.js.relations.flow import Flows
from audits.js.syntax.facts import Call


class StoreReads:
    """Answers for a whole project, each found once. `kv`: the reads of KV, by file and expression: what
    they are in is no read of another store."""

    def __init__(self, flows: Flows, kv: Set[tuple[int, int]]) -> None:
        self._flows = flows
        self._kv = kv
        self._found: dict[tuple[int, int], list[tuple[Arrival, Store]]] = {}
        self._given: dict[Site, Store | None] = {}
        self._calls: dict[int, dict[int, list[Call]]] = {}

    def within(self, file: File, function: int) -> list[tuple[Arrival, Store]]:
        """The reads in an outermost function, in the order of their calls."""
        key = (file.index, function)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = list(self._reads(file, function))
        return found

    def calls(self, file: File, function: int) -> list[Call]:
        """The calls in an outermost function."""
        if file.index not in self._calls:
            table = self._calls[file.index] = {}
            for call in file.facts.calls:
                table.setdefault(arriving.outermost(file, call.scope), []).append(call)
        return self._calls[file.index].get(function, [])

    def _reads(self, file: File, function: int) -> Iterator[tuple[Arrival, Store]]:
        for call in self.calls(file, function):
            if (file.index, id(call.expr)) in self._kv:
                continue
            store = consistent.store_of(self._flows.engine, file, call) or self._through(file, call)
            if store is not None:
                yield Arrival(file, call.expr, call.scope), store

    def _through(self, file: File, call: Call) -> Store | None:
        """The store that a function of the project reads and gives back, when it reads no KV."""
        if call.expr[0] != "call" or call.expr[3][0] not in ("id", "mem"):
            return None
        for value in self._flows.engine.ask(file, call.expr[3], call.scope):
            if value[0] == "fn":
                site = (value[1], value[2])
                if site not in self._given:
                    self._given[site] = self._given_back(self._flows.engine.file(value[1]), value[2])
                if self._given[site] is not None:
                    return self._given[site]
        return None

    def _given_back(self, file: File, number: int) -> Store | None:
        function = file.facts.functions[number]
        inside = [
            call
            for call in file.facts.calls
            if call.name and function.start <= call.expr[1] and call.expr[2] <= function.end
        ]
        if any((file.index, id(call.expr)) in self._kv for call in inside):
            return None
        for call in inside:
            store = consistent.store_of(self._flows.engine, file, call)
            if store is not None and number in self._flows.of(file, call.expr).returned:
                return Store(store.what, f"{function.name} {store.text}")
        return None
