"""Build the wheel, install it into an empty environment, and test what was installed.

The tests are copied to a folder without the sources, so that nothing but the wheel is imported.
What needs npm, and what is about the repository itself, is left to the tests of the sources.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "tests" / "lock"
LEFT_OUT = (
    *("runtime", "edge", "browser", "documents", "bench", "wheel", "lock", "flows", "action", "hook"),
    *("model", "test_imports.py"),
    *("fake_api/test_wrangler.py", "fake_api/test_sdk.py"),
)


def run(*words: str | Path, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(folder: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("kvferry-*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("migrate", "audits"):
        for path in (ROOT / package).rglob("*"):
            inside = path.relative_to(ROOT).as_posix()
            if path.is_file() and "__pycache__" not in inside and "node_modules" not in inside:
                assert inside in names, f"the wheel lacks {inside}"
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"migrate", "audits"}, tops
    assert any(name.endswith("licenses/LICENSE") for name in names), "the wheel lacks its licence"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kvferry-wheel-") as name:
        folder = Path(name)
        wheel = build(folder)
        check_contents(wheel)
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        install = (python, "-m", "pip", "install", "--quiet")
        run(*install, "--require-hashes", "-r", LOCK / "runtime.txt")
        run(*install, "--no-deps", wheel)
        run(python, "-m", "pip", "check")
        kvferry = folder / "env" / "bin" / "kvferry"
        assert run(kvferry, "--version", cwd=folder).startswith("kvferry, version ")
        told = run(kvferry, "demo", cwd=folder)
        assert "put-without-ttl" in told, "the wheel lacks the sample Worker"
        assert "What to type next" in told
        run(*install, "--require-hashes", "-r", LOCK / "dev.txt")
        away = folder / "away"
        shutil.copytree(
            ROOT / "tests", away / "tests", ignore=shutil.ignore_patterns("node_modules", "debian")
        )
        for page in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / page, away / page)
        where = run(
            python, "-c", "import migrate, audits; print(migrate.__file__, audits.__file__)", cwd=away
        )
        assert str(ROOT) not in where, where
        ignored = [f"--ignore=tests/{name}" for name in LEFT_OUT]
        options = (
            "-q",
            "-n",
            "2",
            "-m",
            "not xdist_group",
        )  # the groups are those that share a runtime from npm
        told = run(python, "-m", "pytest", *options, *ignored, "tests", cwd=away)
        print(told.splitlines()[-1])


main()
