"""Cloudflare's own local runtime, for rehearsals: found, installed, started, and ended with all it started.

    find_node ──▶ installed (npm, once for each lock file) ──▶ Worlds of `wrangler dev`

Nothing here reaches an account: the runtime is told of no login, no token and no other API.
"""

from migrate.local_runtime.environment import quiet_environment
from migrate.local_runtime.node import Node, find_node
from migrate.local_runtime.packages import cache_folder, installed
from migrate.local_runtime.process import Leashed
from migrate.local_runtime.running import LocalRuntime

__all__ = [
    "Leashed",
    "LocalRuntime",
    "Node",
    "cache_folder",
    "find_node",
    "installed",
    "quiet_environment",
]
