"""The strict compiler over TypeScript that the package writes or starts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.edge.edge import EDGE
from tests.runtime.install import install, node


def check_types(folder: Path, *others: Path) -> None:
    """What is in `folder`, and beside it in others, is sound TypeScript; a configuration is left there."""
    modules = install()
    config = {
        "extends": str(EDGE / "tsconfig.json"),
        "compilerOptions": {"types": [str(modules / "workers-types")]},
        "include": [str(folder / "src"), *map(str, others)],
    }
    (folder / "tsconfig.json").write_text(json.dumps(config))
    tsc = [str(node()), str(modules / "typescript" / "bin" / "tsc"), "--noEmit", "-p", str(folder)]
    done = subprocess.run(tsc, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
