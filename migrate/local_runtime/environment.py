"""The environment that the local runtime runs in: no login, no reports, no questions."""

from __future__ import annotations

import os
from pathlib import Path


def quiet_environment(home: Path, modules: Path) -> dict[str, str]:
    """An environment in which npm and wrangler ask nothing, report nothing, and find no login.

    `home` takes the place of the user's folders; `modules`, where wrangler is installed, keeps its
    compiled code. Nothing that names an account, a token or another API survives, and no key of a bridge.
    """
    secret = ("CLOUDFLARE_", "CF_", "KVFERRY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(secret)}
    kept.pop("NODE_OPTIONS", None)
    return kept | {
        "CI": "1",
        "HOME": str(home),
        "NODE_COMPILE_CACHE": str(modules / ".compile-cache"),
        "NO_COLOR": "1",
        "NO_UPDATE_NOTIFIER": "1",
        "WRANGLER_HIDE_BANNER": "true",
        "WRANGLER_SEND_ERROR_REPORTS": "false",
        "CLOUDFLARE_CF_FETCH_ENABLED": "false",
        "WRANGLER_SEND_METRICS": "false",
        "TMPDIR": str(home),  # a killed runtime leaves its folders there
        "XDG_CONFIG_HOME": str(home / ".config"),
    }
