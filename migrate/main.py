"""The command: the click group, the one error boundary, and the exit codes.

Commands are found by name and imported when they are used, so that `kvferry --version` and a
wrong option answer at once.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import click

from migrate import __version__
from migrate.commands.lazy import LazyGroup
from migrate.errors import Exit, MigrateError, Stopped

COMMANDS = {
    "audit": "Find in the code every session that touches KV, and every put without an expiration.",
    "rules": "List what audit looks for, or explain one rule.",
    "rewrite": "Change session calls in the code: onto a session store, and at the end off KV.",
    "store": "Put the session store into the application, and keep it up to date.",
    "config": "Describe a migration once, in a file: begin it, check it, and see what it says.",
    "plan": "Look before the migration: what is there, how long it takes, what is missing.",
    "smoke": "Log in once through the real application, and see in which store the session lands.",
    "export": "Copy the sessions from the source into the target; run it again to resume.",
    "verify": "Read both stores afresh and say whether they agree.",
    "repair": "Mend what a verify has found and no sweep mends, and verify just that.",
    "gate": "Say whether the next stage may be opened, and what is missing.",
    "evidence": "Bundle what a verdict rests on, without keys and values, for CI and reviewers.",
    "report": "Write the report for whoever decides whether the fallback may be deleted.",
    "rollback": "Before going back from shadow-read to dual-write: bring into KV what only the target knows.",
    "finish": "End the migration: only now may the target forget what has expired.",
    "cleanup": "Delete migrated keys, or old ones of another prefix, from Workers KV in bulk.",
    "rekey": "Give live sessions in Workers KV another prefix: copy, switch the code, delete the old ones.",
    "status": "Show what the ledger remembers, and what comes next.",
    "bridge": "Deploy, check and remove the bridge to Durable Objects.",
    "completion": "Print the script by which bash, zsh or fish completes what is typed.",
    "demo": "Show on a sample Worker and sample sessions what kvferry does.",
}
"""Every command, in the order of a migration; each lives in migrate/commands/NAME.py."""


_AT_ONCE = {"audit", "rules", "rewrite", "store", "config", "bridge", "completion", "demo", "smoke"}
"""Commands with nothing to resume."""


@click.group(
    cls=LazyGroup,
    summaries=COMMANDS,
    modules="migrate.commands.",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 nothing against, 1 evidence against, 2 usage or configuration, "
    "3 could not finish or unproven, 130 interrupted.",
)
@click.version_option(__version__, prog_name="kvferry")
def cli() -> None:
    """Move login sessions out of Cloudflare Workers KV into a strongly consistent store, and prove it.

    A migration in two commands, each of which may be killed and typed again:

    \b
      kvferry export --source kv://ACCOUNT/NAMESPACE --target sqlite:sessions.db --prefix spotify_session:
      kvferry verify --source kv://ACCOUNT/NAMESPACE --target sqlite:sessions.db --prefix spotify_session:
    """


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code; the only place that turns errors into codes."""
    try:
        code = cli.main(args=list(words), prog_name="kvferry", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except click.ClickException as error:
        return _say(words, error.format_message(), "", Exit.USAGE)
    except (KeyboardInterrupt, click.Abort) as error:
        return _interrupted(words, error)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the reader has gone; nothing more to say
        return Exit.UNFINISHED
    except Exception as error:
        return _failed(error, words)
    return int(code) if isinstance(code, int) else Exit.CLEAN


def _failed(error: Exception, words: Sequence[str]) -> Exit:
    if "--debug" in words:
        _trace(error)
    if _followed_an_interrupt(error):
        return _interrupted(words, error)
    if isinstance(error, MigrateError):
        return _say(words, error.message, error.hint, error.exit)
    # A defect of ours: its message might hold a key or a value.
    name = type(error).__name__
    message = f"unexpected {name}, a defect of kvferry"
    return _say(words, message, "run it again with --debug", Exit.UNFINISHED)


def _interrupted(words: Sequence[str], error: BaseException) -> Exit:
    again = "run the same command again"
    stopped = next((one for one in _behind(error) if isinstance(one, Stopped)), None)
    if stopped is not None:
        hint = f"remove it, then {again}: it resumes where it was"
        return _say(words, f"stopped: {stopped.file} is there", hint, Exit.INTERRUPTED)
    hint = again if {*words[:1]} & _AT_ONCE else f"{again}: it resumes where it was"
    return _say(words, "interrupted", hint, Exit.INTERRUPTED)


def _followed_an_interrupt(error: BaseException) -> bool:
    """Did it happen while an interrupt was on its way out, in the middle of a transaction say?"""
    return any(isinstance(one, KeyboardInterrupt) for one in _behind(error))


def _behind(error: BaseException) -> Iterator[BaseException]:
    """The error, and all that was on its way out when it came."""
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        yield one
        seen.add(id(one))
        one = one.__context__


def main() -> None:
    """Run the process's command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows what it can
    code = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        os._exit(code)  # a thread that still waits for the network holds nothing that must be saved
    sys.exit(code)


def _trace(error: BaseException) -> None:
    """Show where an error and those that led to it were raised.

    Only our own errors are known to hold no key and no value: of every other, the class is named
    and its message left out.
    """
    import traceback  # one more of the files that a start would have to read

    for link, one in _chain(error):
        if link:
            click.echo(f"\n{link}:\n", err=True)
        click.echo("Traceback (most recent call last):", err=True)
        click.echo("".join(traceback.format_tb(one.__traceback__)), nl=False, err=True)
        kind = f"{type(one).__module__}.{type(one).__qualname__}"
        said = one.message if isinstance(one, MigrateError) else "(its message is not shown)"
        click.echo(f"{kind}: {said}", err=True)


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The error and those behind it, the oldest first, each with how it follows from the one before."""
    links: list[tuple[str, BaseException]] = []
    one: BaseException | None = error
    while one is not None and all(one is not seen for _, seen in links):
        if one.__cause__ is not None:
            link, behind = "which was the cause of", one.__cause__
        elif one.__context__ is not None and not one.__suppress_context__:
            link, behind = "while that was handled, there came", one.__context__
        else:
            link, behind = "", None
        links.append((link, one))
        one = behind
    return reversed(links)


def _say(words: Sequence[str], message: str, hint: str, code: Exit) -> Exit:
    if "--progress=json" in words or ("--progress", "json") in pairwise(words):
        from migrate.formats.standing import failure

        click.echo(failure(message, hint, code, time.time()), err=True)
        return code
    click.echo(f"kvferry: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)
    return code
