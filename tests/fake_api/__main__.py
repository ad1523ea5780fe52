"""The fake API as a process: prints one JSON line with its address, ends when its standard input does."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time

from tests.fake_api.api import FakeApi
from tests.fake_api.rate import RateLimit
from tests.fake_api.sample import PREFIX, sample_sessions
from tests.fake_api.server import FakeServer, json_line


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_api", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any free port")
    parser.add_argument("--seed", type=int, default=0, help="of the sessions and of the dice of the faults")
    parser.add_argument("--keys", type=int, default=0, help="how many sessions it holds")
    parser.add_argument("--value-bytes", type=int, default=400, help="the size of a session's value")
    parser.add_argument("--prefix", default=PREFIX, help="what the sessions' keys begin with")
    parser.add_argument("--stamped", action="store_true", help="with what a session store adds to metadata")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="before every answer")
    parser.add_argument("--rate", metavar="REQUESTS/SECONDS", help="enforced (Cloudflare: 1200/300)")
    parser.add_argument("--block", type=float, default=300.0, metavar="SECONDS", help="the penalty")
    parser.add_argument("--max-time", type=float, default=3600.0, metavar="SECONDS", help="end by then")
    return parser.parse_args(arguments)


def build(options: argparse.Namespace) -> FakeApi:
    """The API with its sessions."""
    limit = None
    if options.rate:
        requests, _, seconds = options.rate.partition("/")
        limit = RateLimit(int(requests), float(seconds), options.block)
    api = FakeApi(seed=options.seed, limit=limit, latency=options.latency)
    api.namespace.load(
        sample_sessions(
            options.keys,
            seed=options.seed,
            now=time.time(),
            size=options.value_bytes,
            prefix=options.prefix,
            stamped=options.stamped,
        )
    )
    return api


def main() -> None:
    """Serve until standard input closes, the parent is gone, or the time is up."""
    options = parse(sys.argv[1:])
    parent, over = os.getppid(), threading.Event()

    def follow_input() -> None:
        while os.read(0, 4096):
            pass
        over.set()

    with FakeServer(build(options), options.port) as server:
        threading.Thread(target=follow_input, daemon=True).start()
        api = server.api
        where = {"account": api.account, "namespace": api.namespace.id, "token": api.token}
        print(json_line({"root": server.root, "url": server.url, **where}), flush=True)
        deadline = time.monotonic() + options.max_time
        while not over.wait(0.5) and os.getppid() == parent and time.monotonic() < deadline:
            pass


main()
