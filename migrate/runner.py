"""Export and verify as calls: the only place where stores, ledger, threads and progress meet.

    settings = Settings(clock=SystemClock())
    ended = export("kv:", "sqlite:sessions.db", settings=settings)
    ended = verify("kv:", "sqlite:sessions.db", settings=settings)

The words are those of the command line, which only parses them and prints `Ended.document`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from migrate import addresses
from migrate.core.authority import Authority
from migrate.core.comparing import Rules, Stage
from migrate.core.configuration import configuration_digest
from migrate.core.copying import Validate
from migrate.core.names import Names
from migrate.core.partition import disjoint, run_id
from migrate.core.projecting import Entry, Projection
from migrate.core.rereading import Patience
from migrate.desk import Desk, Ended, desk_of
from migrate.errors import ConfigError
from migrate.export_run import ExportRun
from migrate.exporting import Order
from migrate.fencing import LIFT, expect_fence, put_up
from migrate.formats.progress import Progress
from migrate.opening import Settings
from migrate.staging import Remote, Staging
from migrate.verify_run import VerifyRun
from migrate.verifying import Look

DEFAULT_PREFIX = "spotify_session:"
DEFAULT_ROUNDS = 3
DEFAULT_ONE_IN = 100


def export(
    source: str,
    target: str,
    *,
    settings: Settings,
    prefixes: Sequence[str] = (DEFAULT_PREFIX,),
    sweeps: int = 1,
    settle: float | None = None,
    rounds: int = DEFAULT_ROUNDS,
    limit: int | None = None,
    fresh: bool = False,
    dry_run: bool = False,
    retry_quarantined: bool = False,
    schema: Path | None = None,
    partitions: str | None = None,
    project: Sequence[Entry] = (),
    ignore_names: Sequence[str] = (),
    location_hint: str | None = None,
    authority: str | None = None,
    lift_fence: bool = False,
    progress: Progress | None = None,
) -> Ended:
    """Copy the sessions of `source` into `target`; the same call resumes an unfinished one.

    Addresses as in `migrate.addresses`. `settle`: seconds between two readings of what differs
    (None: what the source calls for). `limit`: stop after so many keys, for a trial. `schema`: a
    JSON Schema that values must satisfy. `partitions`: a name in `core.partition.ALPHABETS`.
    `project`: the configuration's list of fields that may differ (`core.projecting`).
    `ignore_names`: globs of names to be left alone. `location_hint`: where new objects are made.
    `authority`: which store is right about rows from before kvferry (`core.authority`).
    `lift_fence`: let sweeps replace rows again, whatever verdict rests on the fence.
    Raises ConfigError and StoreRefused before anything is written; an error after that is in
    `Ended.error`, with a report of what was done.
    """
    if lift_fence and dry_run:
        raise ConfigError("--lift-fence and --dry-run exclude each other", LIFT)
    validate, schema_digest = _schema(schema)
    projection = Projection.parse(project)
    configuration = configuration_digest(
        prefixes, projection, schema=schema_digest, ignore_names=list(ignore_names), authority=authority
    )
    with desk_of(settings, progress) as desk:
        opened = desk.opener.source(source)
        if lift_fence:
            expect_fence(target, "--lift-fence")
        staging = _place(desk, target, fresh=fresh, values=bool(projection), location_hint=location_hint)
        _two_stores(opened.address, staging.address)
        names = Names(ignore_names, prefixes)
        how = [*export_words(schema_digest, projection, opened.identity), *_without(names)]
        plain = run_id("export", opened.address, staging.address, prefixes, *how)
        again = run_id("export", opened.address, staging.address, prefixes, *how, "retry-quarantined")
        run = again if retry_quarantined else plain  # its sweeps read the quarantine, not the listing
        order = Order(
            run=run,
            prefixes=disjoint(prefixes),
            horizon=opened.horizon if settle is None else settle,
            sweeps=sweeps,
            rounds=rounds,
            limit=limit,
            fresh=fresh,
            retry_quarantined=retry_quarantined,
            alphabet=partitions,
            validate=validate,
            failed=desk.note_failed,
            projection=projection,
            names=names,
            authority=_authority(authority),
        )
        words = (source, target)
        work = ExportRun(
            desk,
            opened,
            order,
            staging,
            words,
            schema,
            dry_run,
            plain,
            configuration,
            location_hint,
            lift_fence,
        )
        return work.done()


def verify(
    source: str,
    target: str,
    *,
    settings: Settings,
    prefixes: Sequence[str] = (DEFAULT_PREFIX,),
    settle: float | None = None,
    rounds: int = DEFAULT_ROUNDS,
    sample: int | None = None,
    recheck: bool = False,
    fresh: bool = False,
    exact: bool = False,
    ignore: Sequence[str] = (),
    ignore_names: Sequence[str] = (),
    stage: str = Stage.KV,
    project: Sequence[Entry] = (),
    fast: bool = False,
    sample_values: int | None = None,
    authority: str | None = None,
    fence: bool = False,
    progress: Progress | None = None,
) -> Ended:
    """Read both stores afresh, in both directions, and say whether they agree.

    `settle`: seconds between two readings of a difference (None: what the source calls for).
    `rounds`: how often one that keeps changing is read again. `sample`: only the first N keys;
    `recheck`: only the differences of the last verify; neither is ever a clean verdict.
    `exact`: bytes count where JSON is equal. `ignore`: "metadata", "unnamed". `stage`: the application's.
    `ignore_names`: globs of names to be left out. `project`: as in `export`. `fast`: read no value
    that the listing proves, but those of one key in `sample_values`. `authority`: as in `export`.
    `fence`: a gate's verify, which begins when no sweep replaces a row of the target any more.
    Raises like `export`.
    """
    projection = Projection.parse(project)
    if exact and projection:
        raise ConfigError(
            "--exact and the project list of the configuration exclude each other",
            "leave --exact out, or take the list away: bytes cannot count and fields be left out",
        )
    if sample is not None and recheck:
        raise ConfigError("--sample and --recheck exclude each other", "leave one out")
    if fast and recheck:
        raise ConfigError("--fast and --recheck exclude each other", "leave --fast out")
    for given, name in ((sample is not None, "--sample"), (recheck, "--recheck"), (fast, "--fast")):
        if fence and given:
            raise ConfigError(f"--fence and {name} exclude each other", f"leave {name} out: it opens no gate")
    if sample_values is not None and not fast:
        raise ConfigError("--sample-values is for --fast only", "add --fast: else all values are read")
    one_in = (sample_values or DEFAULT_ONE_IN) if fast else None
    with desk_of(settings, progress) as desk:
        opened = desk.opener.source(source)
        holder = desk.opener.holder(target, values=bool(projection))
        _two_stores(opened.address, holder.address)
        horizon = opened.horizon if settle is None else settle
        # One that goes by other rules is another verify: neither resumes what the other began.
        applied = None if stage == Stage.KV else str(stage)
        configuration = configuration_digest(
            prefixes,
            projection,
            exact=exact,
            ignore=list(ignore),
            ignore_names=list(ignore_names),
            stage=applied,
            authority=authority,
        )
        how = [f"configuration {configuration}"]
        how += [f"settle {horizon}"] if horizon < opened.horizon else []
        # Nor does one of other files, whatever their names.
        how += [f"of {opened.identity} {holder.identity}"]
        how += ["recheck"] if recheck else [f"sample {sample}"] if sample is not None else []
        # And what a fast one has not read, no other may take for read.
        how += [f"fast {one_in}"] if one_in is not None else []
        run = run_id("verify", opened.address, holder.address, prefixes, *how)
        look = Look(
            disjoint(prefixes),
            Patience(horizon, rounds),
            Rules(
                exact,
                "metadata" not in ignore,
                Stage(stage),
                projection=projection,
                authority=_authority(authority),
            ),
            sample,
            Names(ignore_names, prefixes),
            one_in,
        )
        words = (source, target)
        fenced = put_up(desk, target, holder) if fence else None
        desk.started = settings.clock.now() if fence else desk.started
        work = VerifyRun(
            desk, opened, holder, look, run, words, recheck, tuple(ignore), configuration, fenced
        )
        return work.done(fresh=fresh)


def export_words(schema: str, projection: Projection, identity: str) -> list[str]:
    """What tells exports of one source into one target apart: an export that goes by another schema or
    project list, or whose file was replaced, resumes nothing. `schema`: its digest."""
    listed = [f"project {word}" for word in projection.words()]
    return [schema, *listed, *([identity] if identity else [])]


def _authority(word: str | None) -> Authority | None:
    return None if word is None else Authority(word)


def _without(names: Names) -> list[str]:
    """What leaves other names out is another run."""
    return [f"without {glob}" for glob in sorted(names.globs)]


def _place(
    desk: Desk, text: str, *, fresh: bool, values: bool, location_hint: str | None
) -> Staging | Remote:
    """Where to write; nothing is opened yet. `values`: digests of what is there do not do."""
    address, clock = addresses.parse(text), desk.settings.clock
    if isinstance(address, addresses.DurableAddress):
        opener = desk.opener
        return Remote(
            str(address),
            lambda: opener.target(text, location_hint, values=values),
            lambda: opener.holder(text, values=values),
            clock,
        )
    if location_hint is not None:
        raise ConfigError("--location-hint is for Durable Objects only", "leave it out")
    return Staging.of(address, fresh=fresh, clock=clock)


def _two_stores(source: str, target: str) -> None:
    if source == target:
        raise ConfigError(f"{target} is both source and target", "name two stores")


def _schema(path: Path | None) -> tuple[Validate | None, str]:
    if path is None:
        return None, ""
    from migrate.payload import load

    return load(path)
