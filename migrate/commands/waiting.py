"""For commands that are ended by a signal, and must not leave behind what they have opened and made."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

Wait = Callable[[Callable[[], bool]], None]

_EVERY = 0.2  # seconds between two looks


class _Ended(BaseException):
    """A signal came: not an Exception, so that nothing on the way takes it for an error."""


@contextmanager
def until_interrupted() -> Iterator[Wait]:
    """Gives a function that waits as long as what it is given says so, or until a signal comes.

    The block ends in good order when a signal comes, at whatever point: what it has opened is closed.
    """

    def wait(going_on: Callable[[], bool]) -> None:
        never = threading.Event()
        while going_on():
            never.wait(_EVERY)

    with _raised(_Ended), suppress(_Ended):
        yield wait


@contextmanager
def tidied() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, with KeyboardInterrupt: what it has opened is closed, and what
    it has made is removed."""
    with _raised(KeyboardInterrupt):
        yield


@contextmanager
def _raised(error: type[BaseException]) -> Iterator[None]:
    """The first of both signals raises this, wherever the block is."""

    def ended(number: int, frame: FrameType | None) -> None:
        for one in before:
            signal.signal(one, signal.SIG_IGN)  # a second one does not break off the tidying up
        raise error

    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    for one in before:
        signal.signal(one, ended)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
