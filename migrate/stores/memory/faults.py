"""Faults at every call: what happens when a store fails, or the process dies, before or after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar, cast

from migrate.core.ports import Holder, Source, Target
from migrate.core.writing import Writable

When = Literal["before", "after"]

Hook = Callable[[str, int, When], None]
"""Called with the method's name, the number of the call (from 0, over all methods), and when."""

_Store = TypeVar("_Store")


def _methods(*ports: type) -> frozenset[str]:
    return frozenset(
        name
        for port in ports
        for name, member in vars(port).items()
        if callable(member) and not name.startswith("_")
    )


_METHODS, _WRITES = _methods(Source, Holder, Target), _methods(Writable)


class Faults:
    """Calls a hook before and after each call of a store's port methods; see `with_faults`.

    A hook may raise, or end the process. "before" is raised in place of the call; after "after"
    the call has had its effect, but its answer is lost. A stream's "after" is behind its last item.
    """

    def __init__(self, store: object, hook: Hook) -> None:
        self._store = store
        self._methods = _WRITES if isinstance(store, Writable) else _METHODS
        self._hook = hook
        self._calls = itertools.count()

    def __getattr__(self, name: str) -> Any:
        """The store's attribute; a port's method comes wrapped."""
        found = getattr(self._store, name)
        if name not in self._methods:
            return found

        def call(*args: Any, **options: Any) -> Any:
            index = next(self._calls)
            self._hook(name, index, "before")
            answer = found(*args, **options)
            if isinstance(answer, Iterator):
                return self._stream(answer, name, index)
            self._hook(name, index, "after")
            return answer

        return call

    def _stream(self, items: Iterator[Any], name: str, index: int) -> Iterator[Any]:
        yield from items
        self._hook(name, index, "after")


def with_faults(store: _Store, hook: Hook) -> _Store:
    """The store, with `hook` called before and after each of its calls."""
    return cast("_Store", Faults(store, hook))
