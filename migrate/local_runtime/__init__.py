"""Cloudflare's own local runtime, for rehearsals: found, installed, started, and ended with all it started.

    find_node ─▶ installed (by npm, once for each lock file) ─▶ LocalRuntime (`wrangler dev`)

Nothing here reaches an account: the runtime is told of no login, no token and no other API.
"""

from migrate.local_runtime.environment import quiet_environment
from migrate.local_runtime.node import Node, find_node
from migrate.local_runtime.packages import Tools, cache_folder, find_tools, installed, installed_as
from migrate.local_runtime.process import Leashed
from migrate.local_runtime.running import LocalRuntime, Worker

__all__ = [
    "Leashed",
    "LocalRuntime",
    "Node",
    "Tools",
    "Worker",
    "cache_folder",
    "find_node",
    "find_tools",
    "installed",
    "installed_as",
    "quiet_environment",
]
