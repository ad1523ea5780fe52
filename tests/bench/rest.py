"""Workers KV over REST into SQLite, from the fake API: requests, speed, and a limit that is enforced."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.claims import Claim
from tests.bench.fake import LATENCY, Limit, ceiling, environment, fake, wait_for
from tests.bench.timing import BIN, Failed, Timed, run, start
from tests.fake_api.process import FakeProcess

NO_LIMIT = "1000000/1"
PER_THOUSAND = 11
"""Requests per 1,000 keys: one list page and ten bulk gets."""

LIMIT = Limit(100, 4)
"""Cloudflare's 1,200 in 300 seconds, six times as fast: still far below what one process can send, so
that what is measured is the limiter; and as at Cloudflare, a window is full in a small part of it."""

HALVES = ("01234567", "89abcdef")
"""First digits of the session ids that each of two processes copies."""

Measure = Callable[[FakeProcess, Path, int, str], None]
"""Copies so many keys from a server into a folder at a rate."""


def claims(folder: Path, *, quick: bool, rounds: int) -> Iterator[Claim]:
    """Everything about REST."""
    keys = 20_000 if quick else 100_000
    yield from _speed(folder, keys, rounds, least=None if quick else 8.0)
    yield from _fast(folder, keys)
    for name, measure in (("one process", _once), ("kill -9 and resume", _killed), ("two processes", _both)):
        yield from _limited(name, measure, folder, keys)


# ---------------------------------------------------------------- without a limit


def _speed(folder: Path, keys: int, rounds: int, least: float | None) -> Iterator[Claim]:
    ours, theirs, requests = [], [], 0
    with fake(keys, latency=LATENCY) as server:
        for _ in range(rounds):
            server.control(reset_stats=True)
            timed = _export(server, folder, rate=NO_LIMIT)
            _check(json.loads(timed.output), keys)
            requests = max(requests, server.stats()["requests"])
            ours.append(keys / timed.wall)
            theirs.append(keys / _sdk(server, folder, "bulk", keys).wall)
        few = keys // 100
        naive = few / _sdk(server, folder, "single", few).wall
    fewest = keys / 1000 * PER_THOUSAND
    yield Claim(f"REST, {keys:,} keys: requests that the server saw", "", requests, fewest, most=1.01)
    what = f"REST, {keys:,} keys, {LATENCY * 1000:.0f} ms latency"
    yield Claim(f"{what}: kvferry vs SDK, 100 per call", "keys/s", median(ours), median(theirs), least=least)
    yield Claim(f"{what}: kvferry vs SDK, a GET per value", "keys/s", median(ours), naive)
    with fake(keys) as server:
        best = ceiling(server)
        timed = _export(server, folder, rate=NO_LIMIT)
    yield Claim("  no latency: requests/s, vs the fake API at its best", "/s", requests / timed.wall, best)


def _fast(folder: Path, keys: int) -> Iterator[Claim]:
    """A fast verify: one list page per 1,000 keys, and one bulk get per 100 keys of its sample."""
    with (
        fake(keys, latency=LATENCY, stamped=True) as server,
        tempfile.TemporaryDirectory(dir=folder) as place,
    ):
        words = {"folder": Path(place), "environment": environment(server)}
        _check(json.loads(run(_command(server, Path(place), rate=NO_LIMIT), **words).output), keys)
        for how in ("--fresh", "--fast"):
            server.control(reset_stats=True)
            timed = run([*_command(server, Path(place), rate=NO_LIMIT, verb="verify"), how], **words)
            report, requests = json.loads(timed.output), server.stats()["requests"]
            if report["classes"]["equal"]["keys"] != keys or report["exit"] != 0:
                raise Failed(f"the verify was not clean: {report['verdict']}")
            if how == "--fresh":
                full = keys / timed.wall
    sampled = report["fast"]["values_sampled"]
    if report["proofs"]["listing"] != keys - sampled:
        raise Failed(
            f"{report['proofs']['listing']} of {keys} keys were proven by listing, {sampled} sampled"
        )
    allowed = keys / 1000 * 1.02 + math.ceil(sampled / 100)
    what = f"REST, {keys:,} keys, fast verify"
    yield Claim(f"{what}: requests, {sampled:,} values sampled", "", requests, allowed, most=1.0)
    yield Claim(f"{what} vs one that reads all values", "keys/s", keys / timed.wall, full)


def _sdk(server: FakeProcess, folder: Path, how: str, limit: int) -> Timed:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        words = [f"{place}/theirs.db", server.account, server.namespace, how, str(limit)]
        timed = run(
            [sys.executable, "-m", "tests.bench.sdk", *words], folder=folder, environment=environment(server)
        )
    if int(timed.output) != limit:
        raise Failed(f"the SDK's loop copied {timed.output.strip()} of {limit}")
    return timed


# ---------------------------------------------------------------- against a limit


def _limited(name: str, measure: Measure, folder: Path, keys: int) -> Iterator[Claim]:
    """Both figures are the server's own: how many requests it let pass, and how often it blocked."""
    with fake(keys, limit=LIMIT) as server, tempfile.TemporaryDirectory(dir=folder) as place:
        measure(server, Path(place), keys, str(LIMIT))
        seen = server.stats()
    rate = seen["requests"] / seen["seconds"]
    best = seen["requests"] / LIMIT.ideal(seen["requests"])
    yield Claim(f"REST, limit {LIMIT}, {name}: of the ceiling", "/s", rate, best, least=0.95)
    yield Claim(f"REST, limit {LIMIT}, {name}: blocks", "", seen["blocks"] + seen["refused"], most=0)


def _once(server: FakeProcess, place: Path, keys: int, rate: str) -> None:
    _check(json.loads(_export(server, place, rate=rate).output), keys)


def _killed(server: FakeProcess, place: Path, keys: int, rate: str) -> None:
    """Killed in the middle; the same command goes on at once, and knows what has been sent."""
    command = _command(server, place, rate=rate)
    process = start(command, folder=place, environment=environment(server))
    wait_for(server, keys * PER_THOUSAND // 2000, 120)
    os.kill(process.pid, signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise Failed("the export that was to be killed had ended before")
    again = run(command, folder=place, environment=environment(server))
    _check(json.loads(again.output), keys)


def _both(server: FakeProcess, place: Path, keys: int, rate: str) -> None:
    """Two exports, two targets, one ledger."""
    running = []
    for half in HALVES:
        words = [word for digit in half for word in ("--prefix", f"spotify_session:{digit}")]
        command = _command(server, place, rate=rate, target=f"{half[0]}.db", prefixes=words)
        out = open(place / f"{half[0]}.json", "wb")  # noqa: SIM115 # closed below
        running.append((start(command, folder=place, environment=environment(server), out=out.fileno()), out))
    copied = 0
    for process, out in running:
        code = process.wait()
        out.close()
        if code != 0:
            raise Failed(f"one of two exports ended with {code}")
        copied += json.loads(Path(out.name).read_text())["tally"]["copied"]
    if copied != keys:
        raise Failed(f"two exports copied {copied} of {keys}")


# ---------------------------------------------------------------- our command


def _export(server: FakeProcess, folder: Path, *, rate: str) -> Timed:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        command = _command(server, Path(place), rate=rate)
        return run(command, folder=Path(place), environment=environment(server))


def _command(
    server: FakeProcess,
    place: Path,
    *,
    rate: str,
    target: str = "ours.db",
    prefixes: Sequence[str] = (),
    verb: str = "export",
) -> list[str | Path]:
    stores = ["--source", f"kv://{server.account}/{server.namespace}", "--target", f"sqlite:{place / target}"]
    how = ["--rate", rate, "--ledger", str(place / "ledger.db"), "--quiet", "--json"]
    return [BIN / "kvferry", verb, *stores, *prefixes, *how]


def _check(report: Any, keys: int) -> None:
    if report["tally"]["copied"] != keys:
        raise Failed(f"the export copied {report['tally']['copied']} of {keys}")
