"""`kvferry demo --live`: an application under load goes through all stages, on Cloudflare's local runtime."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from migrate.clock import SystemClock
from migrate.demo.live.counting import Counts
from migrate.demo.live.pace import PACE, Pace
from migrate.demo.live.project import write_project
from migrate.demo.live.rollout import RollOut
from migrate.demo.live.screen import Screen
from migrate.demo.live.site import Site
from migrate.demo.live.users import Crowd
from migrate.demo.live.watching import Trouble, Watch
from migrate.errors import Exit, MigrateError
from migrate.formats.figures import columns
from migrate.local_runtime import find_tools

_INTRODUCTION = """\
An application keeps its users' sessions in Workers KV, by the session store that `kvferry store init` writes
into it. {users} clients sign in, look, change and sign out, one request after the other, and each of them
knows what it may see. Meanwhile the sessions go into Durable Objects, through all stages. Each stage has half
of the requests at first: two neighbouring ones are live at once, for the same sessions.
"""
_END = """\
Every verify that opens a stage was clean. No user was logged out, saw an old profile, or came back after
signing out: at the end each of them looked at every session that it ever had.

What to type next, in your own project:
   kvferry store init src/kvferry            the session store, and what to set for it
   kvferry rewrite --to store                your session calls, onto it
   kvferry bridge init ../sessions-bridge    a bridge, for export and verify
"""


def run(
    clock: SystemClock,
    keep: Path | None = None,
    *,
    pace: Pace = PACE,
    store: Mapping[str, str] | None = None,
    stream: IO[str] | None = None,
) -> Exit:
    """Tell it on `stream` (standard output): CLEAN when every verify is and no user saw what is wrong.

    `clock` is stopped when something is. `keep`: a folder to leave the files in. `store`: the files of the
    session store, as `store_files` gives them. Raises ConfigError without Node.js, and MigrateError when the
    runtime does not come up.
    """
    counts = Counts()
    screen = Screen(sys.stdout if stream is None else stream, lambda: columns(counts.rows(), indent=""))
    with contextlib.ExitStack() as stack:
        tools = find_tools(lambda line: screen.say(f"({line})"))
        began = clock.monotonic()  # whatever npm took
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kvferry-demo-")))
        project = write_project(folder, store)
        screen.say(*_INTRODUCTION.format(users=pace.users).splitlines(), "")
        site = stack.enter_context(Site(project, tools, clock))
        stack.callback(screen.close)
        crowd = stack.enter_context(Crowd(site.host, counts, pace, lambda: site.deployed.later))
        watch = stack.enter_context(Watch(clock, began, pace.within, screen, counts, site.counters))
        trouble = _told(RollOut(site, counts, crowd, screen, clock, pace), crowd, watch)
        watch.look()
        screen.close()
        if trouble is not None:
            screen.say(f"stopped: {trouble.why}", f"  hint: {trouble.hint}")
            return Exit.AGAINST
        screen.say(*_END.splitlines())
    return Exit.CLEAN


def _told(roll_out: RollOut, crowd: Crowd, watch: Watch) -> Trouble | None:
    """What keeps it from ending well, if anything does."""
    try:
        roll_out.done()
    except MigrateError as error:  # what users saw comes before what the operator did
        return watch.trouble() or Trouble(error.message, error.hint)
    crowd.stop()
    return watch.trouble()
