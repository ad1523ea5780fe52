"""The page about rehearsing with objects, typed against Cloudflare's own local runtime."""

import time
from pathlib import Path

from migrate.local_runtime import installed_as
from tests.documents.shell import ROOT, Shell, type_page
from tests.edge.edge import EDGE
from tests.runtime.install import install


def test_every_command_of_the_rehearsal_with_objects_ends_as_the_page_says(tmp_path: Path) -> None:
    tools = tmp_path / "cache" / "kvferry" / "npm" / installed_as(EDGE)
    tools.mkdir(parents=True)
    (tools / "node_modules").symlink_to(install())
    with Shell(tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache")) as shell:
        type_page(ROOT / "runbooks" / "rehearse-objects.md", shell)
        deadline = time.monotonic() + 30
        while shell.left_behind() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert shell.left_behind() == [], "its last line ends what it has started"
