"""The npm project: its types, its own tests, its versions, what a deployment of it would be."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from migrate import __version__
from tests.bridging.projects import application
from tests.edge.edge import EDGE, HERE, MUTANTS, ROOT
from tests.flows.shell import kvferry
from tests.runtime.install import FOLDER, install, node, without_addresses
from tests.runtime.runtime import run_wrangler

TESTED = ("edge", "live", "rehearsal")
"""Folders of tests that have Workers of their own."""
PACKAGE = json.loads((EDGE / "package.json").read_text())


def test_the_types_are_strict_and_hold(tmp_path: Path) -> None:
    modules = install()
    sources = {
        f"{name}/*": [str(EDGE / "src" / "*"), str(HERE / "worker" / "*")] for name in ("EDGE", *MUTANTS)
    }
    options = json.loads((EDGE / "tsconfig.json").read_text())["compilerOptions"]
    assert options["strict"]
    assert options["erasableSyntaxOnly"], "Node.js must be able to run the tests as they are"
    config = {
        "extends": str(EDGE / "tsconfig.json"),
        "compilerOptions": {"types": [str(modules / "workers-types")], "paths": sources},
        "include": [str(EDGE / "src"), *(str(HERE.parent / name / "worker") for name in TESTED)],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    (tmp_path / "wrong.ts").write_text(
        "import { digest } from 'EDGE/text.ts';\nexport const n: number = digest;\n"
    )
    command = [str(node()), str(modules / "typescript" / "bin" / "tsc"), "--noEmit", "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == ""
    config["include"] = [str(tmp_path / "wrong.ts")]
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "TS2322" in done.stdout


def test_the_workers_own_tests_pass() -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.ts"))
    command = [str(node()), "--no-warnings", "--test", "--test-reporter=tap", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    counted = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert counted is not None
    assert int(counted[1]) > 100


def test_nothing_is_needed_at_run_time_and_the_tools_are_those_of_the_tests() -> None:
    ours = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    assert "dependencies" not in PACKAGE
    assert PACKAGE["devDependencies"] == {
        "@cloudflare/workers-types": ours["workers-types"].rpartition("@")[2],
        "typescript": ours["typescript"],
        "wrangler": ours["wrangler"],
    }


def test_what_applications_import_is_exported() -> None:
    assert {"./sessions", "./toolkit", "./placement"} <= PACKAGE["exports"].keys()
    assert all((EDGE / path).is_file() for path in PACKAGE["exports"].values())


def test_the_documented_example_is_the_class_that_the_tests_run() -> None:
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *ROOT.glob("runbooks/*.md")])
    (block,) = re.finditer(r"```ts\n(import .*?withToolkit.*?)```", pages, re.DOTALL)
    tested = (HERE / "worker" / "wrapped-sessions.ts").read_text().partition("\n\n")[2]
    assert block[1] == tested.replace("EDGE/with-toolkit.ts", f"{PACKAGE['name']}/toolkit")
    assert PACKAGE["exports"]["./toolkit"] == "./src/with-toolkit.ts"


def test_the_lock_file_names_no_place_that_packages_come_from() -> None:
    text = (EDGE / "package-lock.json").read_text()
    assert not re.search(r"https?:|git\+|\"resolved\"|\"funding\"", text)
    document = json.loads(text)
    assert document == without_addresses(document)
    assert document["packages"][""]["devDependencies"] == PACKAGE["devDependencies"]


def test_it_has_kvferrys_version() -> None:
    assert PACKAGE["version"] == __version__
    assert f'VERSION = "{__version__}"' in (EDGE / "src" / "wire.ts").read_text()


@pytest.mark.parametrize("path", sorted((EDGE / "src").glob("*.ts")), ids=lambda path: path.name)
def test_nothing_logs_and_nothing_private_can_be_called(path: Path) -> None:
    text = path.read_text()
    assert "console." not in text
    assert not re.search(r"^\s*(private|protected|public) ", text, re.MULTILINE)


def test_a_deployment_owns_no_class_and_is_closed_until_it_has_a_secret(tmp_path: Path) -> None:
    config = json.loads((EDGE / "wrangler.json").read_text())
    assert config["workers_dev"] is False
    assert config["preview_urls"] is False
    assert config["observability"] == {"enabled": False}
    assert not {"migrations", "exports"} & config.keys()
    assert not [name for name in config["vars"] if "SECRET" in name]
    (binding,) = config["durable_objects"]["bindings"]
    assert binding["script_name"]
    shutil.copytree(EDGE, tmp_path / "edge", ignore=shutil.ignore_patterns("node_modules"))
    done = run_wrangler(
        tmp_path / "edge", tmp_path / "home", ["deploy", "--dry-run", "--outdir", "../out"], {}
    )
    assert done.returncode == 0, done.stderr.decode()
    made = (tmp_path / "out" / "bridge-worker.js").read_text()
    assert "cloudflare:workers" not in made
    assert "extends DurableObject" not in made


def test_what_bridge_init_writes_is_deployed_as_it_is_and_its_types_hold(tmp_path: Path) -> None:
    shop = application(tmp_path)
    words = ("--env", "production", "--placement", "shards:16", "--location-hint", "weur", "--workers-dev")
    made = kvferry("bridge", "init", "../bridge", *words, "--access", f"team/{'0' * 64}", cwd=shop)
    assert made.returncode == 0, made.stderr
    bridge = tmp_path / "bridge"
    done = run_wrangler(bridge, tmp_path / "home", ["deploy", "--dry-run", "--outdir", "../out"], {})
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    assert "WARNING" not in said
    assert re.search(r"env\.USER_SESSIONS \(UserSessions, defined in shop-production\)", said), said
    for name, value in json.loads((bridge / "wrangler.json").read_text())["vars"].items():
        assert re.search(rf"env\.{name} \(\"{value[:20]}", said), said
    assert "SECRET" not in said.replace("(hidden)", "")
    assert "extends DurableObject" not in (tmp_path / "out" / "bridge-worker.js").read_text()
    modules = install()
    config = {
        "extends": str(bridge / "tsconfig.json"),
        "compilerOptions": {"types": [str(modules / "workers-types")]},
        "include": [str(bridge / "src")],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    command = [str(node()), str(modules / "typescript" / "bin" / "tsc"), "--noEmit", "-p", str(tmp_path)]
    typed = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert typed.stdout == ""


def test_the_packages_of_the_wheel_hold_the_project() -> None:
    packages = (ROOT / "pyproject.toml").read_text().split("[tool.hatch.build.targets.wheel]")[1]
    assert 'packages = ["migrate", "audits"]' in packages
    assert EDGE.is_relative_to(ROOT / "migrate")
