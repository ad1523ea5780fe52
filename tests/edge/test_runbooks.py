"""What the pages want of Cloudflare's tools: a rehearsal is typed, and wrangler knows its lines."""

import re
import time
from pathlib import Path

from migrate.local_runtime import installed_as
from tests.documents.shell import ROOT, Shell, type_page
from tests.edge.edge import EDGE
from tests.runtime.install import install
from tests.runtime.runtime import run_wrangler


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


def test_every_line_for_wrangler_is_one_that_it_takes(tmp_path: Path) -> None:
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *ROOT.glob("runbooks/*.md")])
    wanted: dict[str, set[str]] = {}
    for line in re.findall(r"npx wrangler ([a-z][^\n`|&)\"]*)", re.sub(r"\$\([^)]*\)", "", pages)):
        words = line.split()
        name = next((at for at, word in enumerate(words) if not re.fullmatch("[a-z]+", word)), len(words))
        options = {word for word in words[name:] if word.startswith("--")}
        wanted.setdefault(" ".join(words[:name]), set()).update(options)
    assert len(wanted) > 4
    for name, options in wanted.items():
        done = run_wrangler(tmp_path, tmp_path / "home", [*name.split(), "--help"], {})
        told = done.stdout.decode()
        assert told.lstrip().startswith(f"wrangler {name}"), name
        for option in options:
            assert re.search(rf"^ .*{option} ", told, re.MULTILINE), f"{name} {option}"
