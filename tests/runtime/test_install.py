import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.install import FOLDER, complete_platforms, node, quiet_environment, without_addresses
from tests.runtime.runtime import VERSIONS, run_wrangler


def test_the_lock_file_names_no_place_that_packages_come_from() -> None:
    text = (FOLDER / "package-lock.json").read_text()
    assert not re.search(r"https?:|git\+|\"resolved\"|\"funding\"", text)
    assert json.loads(text) == without_addresses(json.loads(text))


def test_every_package_of_this_platform_has_a_version_and_a_hash() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert all("version" in package for package in packages.values())
    without = [path for path, package in packages.items() if "integrity" not in package]
    assert {system for path in without for system in packages[path]["os"]} <= {"darwin", "win32"}


def test_exact_versions_are_asked_for_and_no_scripts_run() -> None:
    package = json.loads((FOLDER / "package.json").read_text())
    assert package["dependencies"] == {
        "@microsoft/jest-sarif": "1.0.0-beta.0",  # brings the published schema of SARIF
        "typescript": "5.9.3",
        "wrangler": "4.164.0",
        "wrangler-4-86": "npm:wrangler@4.86.0",
        "workers-types": "npm:@cloudflare/workers-types@5.20261117.1",
    }
    assert package["private"]
    assert "scripts" not in package


def test_a_platform_that_npm_left_out_is_added_beside_its_parent() -> None:
    binary = {"version": "1", "integrity": "sha512-x", "cpu": ["x64"], "os": ["darwin"], "optional": True}
    packages: dict[str, Any] = {
        "node_modules/tool": {"version": "2", "optionalDependencies": {"tool-mac": "2", "gone": "1"}},
        "node_modules/tool-mac": dict(binary),
    }
    complete_platforms(packages)
    added = packages["node_modules/tool/node_modules/tool-mac"]
    assert added == {"version": "2", "cpu": ["x64"], "os": ["darwin"], "optional": True}
    assert packages["node_modules/tool-mac"] == binary
    assert len(packages) == 3


def test_a_platform_of_which_npm_found_no_version_is_like_its_siblings() -> None:
    linux = {"version": "7", "integrity": "sha512-x", "cpu": ["arm64"], "os": ["linux"], "optional": True}
    names = ("tool-linux-arm64", "tool-darwin-64", "tool-windows-64")
    packages: dict[str, Any] = {
        "node_modules/tool": {"version": "7", "optionalDependencies": dict.fromkeys(names, "7")},
        "node_modules/tool-linux-arm64": dict(linux),
    }
    complete_platforms(packages)
    mac = {"version": "7", "cpu": ["x64"], "os": ["darwin"], "optional": True}
    assert packages["node_modules/tool-darwin-64"] == mac
    assert packages["node_modules/tool-windows-64"] == {**mac, "os": ["win32"]}
    assert packages["node_modules/tool-linux-arm64"] == linux


def test_node_is_the_real_binary() -> None:
    with node().open("rb") as file:
        assert file.read(4) in (b"\x7fELF", b"\xcf\xfa\xed\xfe")


def test_both_wranglers_are_installed_and_run(tmp_path: Path) -> None:
    for version in VERSIONS:
        done = run_wrangler(tmp_path, tmp_path / "home", ["--version"], {}, version)
        assert done.stdout.decode().strip().startswith(version + ".")


def test_nothing_of_the_users_login_reaches_wrangler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "real")
    monkeypatch.setenv("CF_ACCOUNT_ID", "real")
    environment = quiet_environment(tmp_path)
    assert "real" not in environment.values()
    assert environment["HOME"] == str(tmp_path)
