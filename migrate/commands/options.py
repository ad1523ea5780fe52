"""Options that commands share, and the way from parsed words to a rendered report."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrate.clock import SystemClock
from migrate.commands import configured
from migrate.errors import ConfigError

if TYPE_CHECKING:
    from migrate.core.ports import Clock
    from migrate.desk import Ended
    from migrate.formats.outputs import Outputs
    from migrate.formats.progress import Progress
    from migrate.opening import Settings

F = TypeVar("F", bound=Callable[..., Any])


_PROJECT, _CONFIG = "kvferry.project", "kvferry.config"
"""In the context: the project list of the configuration, and the file that --config names."""

_FOUND = "kvferry.configuration"
"""In the context: the configuration, whichever file it is; None: there is none."""

_USED = "kvferry.used"
"""In the context: what of the configuration the command uses, once it has begun."""

_APPLICATIONS = "kvferry.applications"
"""In the context: the applications that the configuration names."""

_PROGRESS = "kvferry.progress"
"""In the context: how progress is to be shown."""

_PREFIXES = "kvferry.prefixes"
"""In the context: how many prefixes the configuration names, for a bridge."""


def _load_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Make the configuration file's values the defaults of this command's options."""
    from migrate.config import find

    found = find(path, Path.cwd())
    values = {} if found is None else found.values(configured.table_of(ctx))
    ctx.meta[_PROJECT] = values.get("project", ())  # no option: what it says is to be reviewed
    ctx.meta[_APPLICATIONS] = values.get("application", ())  # nor is this
    ctx.meta[_CONFIG] = path
    ctx.meta[_FOUND] = found
    ctx.default_map = {**(ctx.default_map or {}), **configured.defaults(ctx.command, values)}
    return path


def config_option(command: F) -> F:
    """`--config`: read before every other option. What of it is used is said before the command begins."""
    option = click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        callback=_load_config,
        expose_value=False,
        help="Configuration file (default: kvferry.toml, or [tool.kvferry] in pyproject.toml).",
    )
    return option(_telling(command))  # type: ignore[return-value]  # the same options, and this one


def _telling(command: Callable[..., Any], table: str | None = None) -> Callable[..., Any]:
    """The command, which first says what of the configuration it uses, as of this table."""

    @functools.wraps(command)
    def told(*args: Any, **words: Any) -> Any:
        ctx = click.get_current_context()
        found = ctx.meta.get(_FOUND)
        if found is not None:
            ctx.meta[_USED] = used = configured.used(ctx, found, table)
            if line := used.line():
                progress(SystemClock(), quiet=bool(ctx.params.get("quiet"))).say(line)
        return command(*args, **words)

    return told


_BRIDGE = "export"
"""The table whose values a bridge is made with."""


def _load_bridge_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Make what an export would go by the defaults of a bridge's choices. Its `binding` is KV's."""
    from migrate.config import find, parameters

    ctx.meta[_FOUND] = configuration = find(path, Path.cwd())
    found = {} if configuration is None else parameters(configuration.values(_BRIDGE))
    shared: dict[str, Any] = {name: found[name] for name in ("env", "location_hint") if name in found}
    prefixes = found.get("prefix", ())
    assert isinstance(prefixes, Sequence)  # the schema said so
    if len(prefixes) == 1:
        shared["prefix"] = prefixes[0]
    ctx.meta[_PREFIXES] = len(prefixes)
    ctx.default_map = {**(ctx.default_map or {}), **shared}
    return path


def bridge_config_option(command: F) -> F:
    """`--config` of a bridge that is to be written; see `one_prefix`."""
    option = click.option(
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        callback=_load_bridge_config,
        expose_value=False,
        help="Configuration file whose env, prefix and location-hint for an export are the defaults here.",
    )
    return option(_telling(command, _BRIDGE))  # type: ignore[return-value]  # the same options, and this one


def one_prefix() -> None:
    """Raise ConfigError when the configuration names several prefixes, and the command line none."""
    ctx = click.get_current_context()
    typed = ctx.get_parameter_source("prefix") is click.core.ParameterSource.COMMANDLINE
    if ctx.meta[_PREFIXES] > 1 and not typed:
        raise ConfigError(
            "the configuration names several prefixes, and a bridge has one",
            "pass --prefix with the one that this bridge is for",
        )


def names_option(command: F) -> F:
    """`--ignore-names`."""
    return click.option(
        "--ignore-names",
        multiple=True,
        metavar="GLOB",
        help="Leave out what is called so behind the prefix, e.g. 'admin:*'; it is counted. Repeatable.",
    )(command)


def authority_option(command: F) -> F:
    """`--authority`."""
    return click.option(
        "--authority",
        type=click.Choice(["kv", "target"]),
        help="Which store is right about rows that are older than kvferry; unsaid, they are only reported.",
    )(command)


def ledger_option(command: F) -> F:
    """`--ledger`."""
    return click.option(
        "--ledger",
        type=click.Path(path_type=Path),
        default=Path(".kvferry/ledger.db"),
        show_default=True,
        help="The operator's ledger: runs, sweeps, differences. It holds keys, so keep it private.",
    )(command)


def destroying(verb: str) -> Callable[[F], F]:
    """`--execute` and `--name`, for a command that destroys; it gets `execute` and `confirmed`.

    `verb`: what the name is typed for, such as "finish". Typed only where there is a terminal.
    """

    def decorate(command: F) -> F:
        @click.option("--execute", is_flag=True, help="Do it; without it, only say what would be done.")
        @click.option(
            "--name", metavar="NAME", help="The source's name, as a confirmation (else it is asked for)."
        )
        @functools.wraps(command)
        def asked(name: str | None, **words: Any) -> Any:
            def confirmed(wanted: str) -> str | None:
                if name is not None or not sys.stdin.isatty():
                    return name
                question = f"type the source's name, {wanted}, to {verb}"
                return str(click.prompt(question, default="", show_default=False, err=True))

            return command(confirmed=confirmed, **words)

        return asked  # type: ignore[return-value]  # the same options, and these

    return decorate


def _keep_style(ctx: click.Context, _: click.Parameter, style: str) -> None:
    ctx.meta[_PROGRESS] = style


def progress_option(command: F) -> F:
    """`--progress`; see `progress`."""
    return click.option(
        "--progress",
        type=click.Choice(["auto", "plain", "json", "none"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=_keep_style,
        help="On standard error: a bar or lines, lines, one JSON object a line, or only what is to be known.",
    )(command)


def progress(clock: Clock, *, quiet: bool) -> Progress:
    """The progress of a command on standard error, as --progress wants it: the one place that makes one."""
    from migrate.formats.progress import Progress, Style

    style = click.get_current_context().meta.get(_PROGRESS, Style.AUTO)
    return Progress(sys.stderr, clock, quiet=quiet, style=Style(style))


def report_options(command: F) -> F:
    """`--format`, `--output`, `--json`, `--quiet`, `--debug`."""
    for option in (
        click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails."),
        click.option("--quiet", is_flag=True, help="No progress on standard error."),
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option(
            "--output",
            "outputs",
            multiple=True,
            metavar="NAME=FILE",
            help="Write the report to a file as well, e.g. --output json=report.json. Repeatable.",
        ),
        click.option("--format", "fmt", metavar="NAME", help="Format of the report on standard output."),
    ):
        command = option(command)
    return command


def store_options(command: F) -> F:
    """Which stores, how hard they may be asked, and how progress is shown."""
    return _addresses(_asking(progress_option(command)), required=True)


def plan_store_options(command: F) -> F:
    """The same for a plan, which may come before anything is decided: neither store must be named."""
    return _addresses(_asking(progress_option(command)), required=False)


def _namespace(command: F) -> F:
    """`--source`, which must be a namespace."""
    return click.option(
        "--source",
        required=True,
        metavar="ADDRESS",
        help="Which namespace: kv:, kv://ACCOUNT/NAMESPACE, or kv+http://127.0.0.1:8787/NAMESPACE.",
    )(command)


def renamed_store_options(command: F) -> F:
    """For a namespace whose keys are named otherwise: its prefixes are arguments."""
    return _namespace(_asking(progress_option(command), dumps=False, prefix=False))


def cleaned_store_options(command: F) -> F:
    """For a namespace that is changed in bulk: it may have no target."""
    target = click.option(
        "--target",
        metavar="ADDRESS",
        help="What holds the sessions now: sqlite:FILE, or do+https://HOST; none for other keys.",
    )
    return _namespace(target(_asking(progress_option(command), dumps=False)))


def _asking(command: F, *, dumps: bool = True, prefix: bool = True) -> F:
    """Which keys, where to find what an address leaves out, and how hard the source may be asked.

    `dumps`: the source may be one, so what it does not say may be said. `prefix`: with `--prefix`.
    """
    for option in (
        *(_of_dumps() if dumps else ()),
        click.option("--env", metavar="NAME", help="Environment in wrangler's configuration."),
        click.option("--binding", metavar="NAME", help="KV binding in wrangler's configuration."),
        click.option(
            "--budget",
            multiple=True,
            metavar="KIND=N/day",
            help="Stop cleanly at so many reads (lists, writes, deletes) a UTC day, e.g. reads=50000/day.",
        ),
        click.option(
            "--rate",
            default="600/300",
            show_default=True,
            metavar="N/SECONDS",
            help="At most N requests in any SECONDS. Cloudflare allows 1200/300 for all that a token does.",
        ),
        *((_prefix_option,) if prefix else ()),
    ):
        command = option(command)
    return command


def _prefix_option(command: F) -> F:
    return click.option(
        "--prefix",
        "prefixes",
        multiple=True,
        default=("spotify_session:",),
        show_default=True,
        help='Keys to take; repeatable. "" takes all keys.',
    )(command)


def _of_dumps() -> tuple[Callable[[F], F], ...]:
    return (
        click.option(
            "--dumped-at",
            type=int,
            metavar="UNIX",
            help="For a dump whose items have expiration_ttl: when it was made, Unix seconds.",
        ),
        click.option(
            "--assume-never", is_flag=True, help="For a bulk get without key list: its sessions never expire."
        ),
    )


def _addresses(command: F, *, required: bool) -> F:
    source: dict[str, Any] = {"required": True} if required else {"default": "kv:", "show_default": True}
    for option in (
        click.option(
            "--target",
            required=required,
            metavar="ADDRESS",
            help="Where to: sqlite:FILE, dump:FILE.ndjson[.gz], or do+https://HOST.",
        ),
        click.option(
            "--source",
            **source,
            metavar="ADDRESS",
            help="Where from: kv:, kv://ACCOUNT/NAMESPACE, kv+http://127.0.0.1:8787/NAMESPACE, wrangler:DIR, "
            "dump:FILE, sqlite:FILE, do+https://HOST.",
        ),
    ):
        command = option(command)
    return command


def typed(parameter: str) -> bool:
    """Was it given on the command line, and not by the configuration?"""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def migrated_prefixes() -> tuple[str, ...]:
    """What the configuration says that a migration takes: the prefixes of its commands."""
    found = click.get_current_context().meta[_FOUND]
    if found is None:
        return ()
    named = (found.values(table).get("prefix", ()) for table in ("export", "verify", "gate", "finish"))
    return tuple(str(prefix) for some in named for prefix in some)


_SETTINGS = ("ledger", "rate", "budget", "binding", "env", "assume_never", "dumped_at")


def take_settings(clock: Clock, words: dict[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """Part the options that open stores from those of the command itself, and add the project list."""
    from migrate.opening import Settings

    mine = {name: words[name] for name in _SETTINGS if name in words}
    rest = {name: value for name, value in words.items() if name not in _SETTINGS}
    meta = click.get_current_context().meta
    settings = Settings(clock=clock, config=meta[_CONFIG], used=meta.get(_USED), **mine)
    return settings, {**rest, "project": meta[_PROJECT]}


def applications() -> tuple[dict[str, object], ...]:
    """The applications that the configuration names."""
    return tuple(click.get_current_context().meta[_APPLICATIONS])


def outputs_of(name: str, fmt: str | None, outputs: Sequence[str], as_json: bool) -> Outputs:
    """Where the document goes; refuses a format that it does not have before any work is done."""
    from migrate.formats.outputs import Outputs

    if as_json and fmt not in (None, "json"):
        raise ConfigError(f"--json and --format {fmt} exclude each other", "leave one out")
    return Outputs.parse(name, "json" if as_json else fmt, outputs)


def emit(outputs: Outputs, ended: Ended) -> int:
    """Print the report, then raise the error that stopped the command, if one did."""
    outputs.emit(ended.document, sys.stdout)
    if ended.error is not None:
        raise ended.error
    return int(ended.exit)
