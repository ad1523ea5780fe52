"""The wrangler configuration that holds in a folder, with one of its environments chosen."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from audits import wrangler
from migrate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Project:
    """A configuration that was found, and the environment that was chosen in it.

    `where`: the file, as seen from the current folder, `path`: where it is; `environment`: as asked for.
    """

    where: str
    config: wrangler.WranglerConfig
    chosen: wrangler.Environment
    environment: str | None
    path: Path

    @property
    def place(self) -> str:
        """The file and the environment in it."""
        return f"{self.where}, env.{self.chosen.name}" if self.chosen.name else self.where


def find_project(start: Path, cwd: Path, environment: str | None, instead: str) -> Project | None:
    """The configuration that holds at `start`, else at `cwd`, one environment chosen; None: there is none.

    `instead`: what the hints say may be done without one, as "name it: kv://ACCOUNT/NAMESPACE".
    Raises ConfigError when it cannot be read, or has no such environment.
    """
    path: Path | None = start
    try:
        location = wrangler.locate(start) or wrangler.locate(cwd)
        if location is None:
            return None
        path = location.path
        config = wrangler.read(path)
        name = environment
        if location.redirect is not None:
            # A generated file is one environment, flattened. Asked for another one, the file that
            # people write is the authority; wrangler would refuse, or quietly use this one.
            name = config.target_environment
            if environment in (None, name):
                made = f"built for {name}" if name else "built"
                where = f"{shown(path, cwd)} ({made}, by {shown(location.redirect, cwd)})"
                return Project(where, config, config.top, name, path)
            if location.user is None:
                raise ConfigError(
                    f"{shown(path, cwd)} was not built for environment {environment}",
                    f"build it again with CLOUDFLARE_ENV={environment}, or {instead}",
                )
            path, name = location.user, environment
            config = wrangler.read(path)
    except wrangler.WranglerError as error:
        line = f" line {error.line}" if error.line else ""
        raise ConfigError(
            f"{shown(path or start, cwd)}{line}: {error.message}", f"correct it, or {instead}"
        ) from None
    chosen = config.environment(name)
    if chosen is None:
        names = ", ".join(str(known.name) for known in config.environments)
        raise ConfigError(
            f"{shown(path, cwd)} has no environment {name}",
            f"--env is one of: {names}" if names else "it has none at all: leave out --env",
        )
    return Project(shown(path, cwd), config, chosen, name, path)


def shown(path: Path, cwd: Path) -> str:
    """The path as seen from `cwd`, when it is not far."""
    relative = os.path.relpath(path, cwd.resolve())
    return relative if not relative.startswith(os.path.join("..", "..")) else str(path)
