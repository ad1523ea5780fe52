"""What can go wrong, divided by who must act, and the exit code that each kind earns.

    MigrateError
    ├── ConfigError            you: fix the call or the configuration            exit 2
    ├── StoreError
    │   ├── StoreRefused       you: credentials, permissions, wrong store        exit 2
    │   ├── StoreUnavailable   wait: it was retried, run the command again       exit 3
    │   │   └── BudgetSpent    wait until the time it names                      exit 3
    │   └── StoreBroken        they broke the contract; stop at once             exit 3
    ├── RecordError            this record cannot be represented: quarantined    exit 3
    └── LedgerError            the operator's ledger cannot be used              exit 3

Findings and differences are values, never exceptions. A message is one line, lower case, and
never holds a session id, a value or a token; the hint is the next thing to type or do.
"""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """The exit codes of every command."""

    CLEAN = 0
    AGAINST = 1
    USAGE = 2
    UNFINISHED = 3
    INTERRUPTED = 130


class MigrateError(Exception):
    """Base of all expected errors: one line for the user, and a hint at what to do next."""

    exit = Exit.UNFINISHED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(MigrateError):
    """The call or the configuration is wrong; nothing was touched."""

    exit = Exit.USAGE


class StoreError(MigrateError):
    """A store did not do what was asked."""


class StoreRefused(StoreError):
    """The store said no, and will say no again: credentials, permissions, no such namespace."""

    exit = Exit.USAGE


class StoreUnavailable(StoreError):
    """The store did not answer although it was asked again; the same command resumes later."""


class BudgetSpent(StoreUnavailable):
    """The operator's own budget is used up; the hint names the time at which to resume."""


class StoreBroken(StoreError):
    """The store broke its contract (cursor repeated, keys out of order, wrong shape)."""


class RecordError(MigrateError):
    """One record cannot be represented; it is quarantined and counted, and the run goes on."""


class LedgerError(MigrateError):
    """The ledger cannot be opened, read or written."""


class Stopped(KeyboardInterrupt):
    """An operator's file asks work to end, which is an interrupt in all but its message."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file
