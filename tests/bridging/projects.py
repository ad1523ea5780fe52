"""Applications as people have them, for tests that write bridges for them."""

from pathlib import Path

CONFIG = """
name = "shop"
main = "src/index.ts"
compatibility_date = "2026-04-01"

[[durable_objects.bindings]]
name = "USER_SESSIONS"
class_name = "UserSessions"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["UserSessions"]

[env.production]
account_id = "abc123"

[[env.production.durable_objects.bindings]]
name = "USER_SESSIONS"
class_name = "UserSessions"

[env.bare]
"""


def application(folder: Path, config: str = CONFIG) -> Path:
    """A folder with this wrangler.toml in it."""
    made = folder / "shop"
    made.mkdir(parents=True)
    (made / "wrangler.toml").write_text(config)
    return made


def contents(folder: Path) -> dict[str, str]:
    """Every file below the folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
