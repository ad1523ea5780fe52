"""What `kvferry audit` is to show and to do, as typed: words that contradict each other are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.commands import audit_baseline, audit_fixes
from migrate.errors import ConfigError

if TYPE_CHECKING:
    from migrate.formats.outputs import Outputs


@dataclass(frozen=True, slots=True)
class Wanted:
    """`where` the report goes; `fail_on`: the least severity that fails, or `never`; `baseline`: the
    file that is to be written, if any."""

    where: Outputs
    inventory: bool
    statistics: bool
    show_files: bool
    quiet: bool
    fail_on: str
    fixes: audit_fixes.Wanted
    baseline: Path | None

    @classmethod
    def parse(cls, paths: tuple[Path, ...], words: Mapping[str, Any]) -> Wanted:
        """Raises ConfigError before anything is read."""
        from audits import formats
        from migrate.formats.outputs import Outputs

        _check(paths, words)
        inventory = words["inventory"]
        known = tuple(formats.INVENTORY if inventory else formats.FORMATS)
        return cls(
            Outputs.among(known, "json" if words["as_json"] else words["fmt"], words["outputs"]),
            inventory,
            words["statistics"],
            words["show_files"],
            words["quiet"],
            "never" if words["exit_zero"] or inventory else words["fail_on"],
            _fixes(words),
            words["write_baseline"],
        )


def _fixes(words: Mapping[str, Any]) -> audit_fixes.Wanted:
    return audit_fixes.Wanted(words["diff"], words["fix"], words["unsafe_fixes"], words["ttl"])


def _check(paths: tuple[Path, ...], words: Mapping[str, Any]) -> None:
    fmt, inventory, show_files = words["fmt"], words["inventory"], words["show_files"]
    if words["as_json"] and fmt not in (None, "json"):
        raise ConfigError(f"--json and --format {fmt} exclude each other", "leave one out")
    another = words["as_json"] or bool(words["outputs"]) or fmt not in (None, "text")
    _fixes(words).check(listing=inventory or show_files, report=another)
    if show_files and (inventory or another):
        raise ConfigError("--show-files lists files as text, and nothing else", "leave the other options out")
    stdin = Path("-") in paths
    if words["fix"] and stdin:
        raise ConfigError("--fix cannot write to standard input", "--diff shows what it would change")
    in_part = {
        "--inventory": inventory,
        "--show-files": show_files,
        "--diff": words["diff"],
        "--fix": words["fix"],
        "--since": words["since"] is not None,
        "-": stdin,
    }
    without = next((name for name, given in in_part.items() if given), "")
    audit_baseline.check(words["write_baseline"], without=without)
