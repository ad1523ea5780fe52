"""Reads every import of both packages: they run one way, and each library has its one place."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("migrate/**/*.py"), *ROOT.glob("audits/**/*.py")])

LAYERS = [
    {"migrate", "migrate.errors"},
    {"migrate.core"},
    {
        "migrate.clock",
        "migrate.addresses",
        "migrate.credentials",
        "migrate.access_token",
        "migrate.bridge_keys",
        "migrate.bridge_secret",
        "migrate.config",
        "migrate.payload",
        "migrate.wrangler_project",
        "migrate.written_files",
        "migrate.local_runtime",
    },
    {"migrate.stores", "migrate.ledger", "migrate.cost", "migrate.formats", "migrate.discovery"},
    {
        "migrate.reading",
        "migrate.confirming",
        "migrate.exporting",
        "migrate.verifying",
        "migrate.verify_pages",
        "migrate.judging",
        "migrate.checking",
        "migrate.holding",
        "migrate.repair",
        "migrate.staging",
        "migrate.opening",
        "migrate.pausing",
        "migrate.desk",
        "migrate.fencing",
        "migrate.export_run",
        "migrate.verify_run",
        "migrate.planning",
        "migrate.smoke",
        "migrate.gate",
        "migrate.reporting",
        "migrate.cleaning",
        "migrate.rollback",
        "migrate.rekeying",
        "migrate.bridging",
        "migrate.live_status",
        "migrate.vendoring",
        "migrate.session_store",
        "migrate.runner",
        "migrate.demo",
    },
    {"migrate.commands"},
    {"migrate.main"},
    {"migrate.__main__"},
]

READERS = {
    "migrate.discovery",
    "migrate.wrangler_project",
    "migrate.bridging.application",
    "migrate.vendoring.folder",
    "migrate.vendoring.settings",
    "migrate.bridging.deployment",
    "migrate.demo.story",
}
"""Modules that read code or configuration with audits; so may every command."""

ANALYSER = ["syntax", "files", "evaluation", "around", "kv", "relations"]
"""The parts of audits.js: each may import those before it. Files beside them put them together."""

STORES = [
    {"kv", "kv_answers", "kv_reading", "kv_bulk", "kv_writing"},
    {"kv_local", "kv_explorer", "kv_local_writing"},
    {"dump"},
    {"durable"},
    {"sqlite"},
    {"memory"},
    {"rehearsal"},
    {"wrangler_state"},
]
"""Files of migrate.stores that belong to one store; the others are what stores stand on."""

LIBRARIES = {
    "click": {"migrate.main", "migrate.commands"},
    "httpx": {"migrate.stores"},
    "tenacity": {"migrate.stores"},
    "sqlite_utils": {"migrate.ledger", "migrate.stores.sqlite"},
    "tqdm": {"migrate.formats.progress"},
    "jsonschema": {"migrate.config", "migrate.formats.report"},
    "jsonschema_rs": {"migrate.payload", "migrate.stores.durable.wire"},
    "tree_sitter": {"audits.js"},
    "pathspec": {"audits.js.files.collect", "audits.js.files.gitignore"},
    "jinja2": {"migrate.formats.review"},
    "markupsafe": {"migrate.formats.review"},
    "orjson": {"migrate.payload", "migrate.stores", "migrate.ledger"},
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """The modules a file imports anywhere, except those it imports for its types only."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {module_of(file) for file in FILES}
            found.update(name if name in modules else node.module for name in names)
    return found


GRAPH = {module_of(path): imports_of(path) for path in FILES}


def within(module: str, package: str) -> bool:
    return module == package or (package != "migrate" and module.startswith(package + "."))


def layer(module: str) -> int:
    for number, packages in enumerate(LAYERS):
        if any(within(module, package) for package in packages):
            return number
    raise AssertionError(f"{module} is in no layer: add it to LAYERS")


def test_every_module_has_a_layer() -> None:
    assert {layer(module) for module in GRAPH if within(module, "migrate.core")} == {1}
    for module in GRAPH:
        assert module.startswith("audits") or layer(module) >= 0


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_imports_run_one_way(module: str) -> None:
    ours = {name for name in GRAPH[module] if name.split(".")[0] in ("migrate", "audits")}
    if module.split(".")[0] == "audits":
        assert not {name for name in ours if name.startswith("migrate")}
        return
    for name in ours:
        if name.startswith("audits"):
            assert module in READERS or within(module, "migrate.commands")
        else:
            assert layer(name) <= layer(module), f"{module} imports {name}, which lies above it"


@pytest.mark.parametrize("number", range(len(ANALYSER)))
def test_parts_of_the_analyser_import_only_what_lies_below_them(number: int) -> None:
    below = [f"audits.js.{part}" for part in ANALYSER[: number + 1]]
    modules = [module for module in GRAPH if within(module, below[-1])]
    assert modules
    for module in modules:
        for name in GRAPH[module]:
            if within(name, "audits.js") and name != "audits.js":
                assert any(within(name, part) for part in below), f"{module} imports {name}"


def test_rules_never_see_a_syntax_tree() -> None:
    for module in GRAPH:
        if within(module, "audits.rules"):
            assert not any(within(name, "audits.js") for name in GRAPH[module]), module


@pytest.mark.parametrize("first", range(4))
def test_packages_of_one_layer_do_not_import_each_other(first: int) -> None:
    packages = sorted(LAYERS[3])
    package = packages[first]
    others = [other for other in packages if other != package]
    for module in GRAPH:
        if within(module, package):
            for name in GRAPH[module]:
                assert not any(within(name, other) for other in others), f"{module} imports {name}"


def store_of(module: str) -> int | None:
    name = module.removeprefix("migrate.stores.").split(".")[0]
    return next((number for number, store in enumerate(STORES) if name in store), None)


def test_a_store_never_imports_another() -> None:
    shared = {f"migrate.stores.{name}" for name in ("kv_answers", "kv_reading", "kv_bulk")}
    for module in (one for one in GRAPH if within(one, "migrate.stores")):
        mine = store_of(module)
        for name in GRAPH[module]:
            if within(name, "migrate.stores") and mine is not None and name not in shared:
                assert store_of(name) in (None, mine), f"{module} imports {name}"


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_each_library_has_its_place(library: str) -> None:
    users = {module for module, names in GRAPH.items() for name in names if name.split(".")[0] == library}
    assert users, f"{library} is not used any more"
    for module in users:
        assert any(within(module, place) for place in LIBRARIES[library]), f"{module} imports {library}"


def test_one_factory_makes_http_clients() -> None:
    makers = {module_of(path) for path in FILES if "httpx.Client(" in path.read_text()}
    assert makers == {"migrate.stores.http"}


def test_one_place_shows_progress() -> None:
    makers = {module_of(path) for path in FILES if "Progress(sys.stderr" in path.read_text()}
    assert makers == {"migrate.commands.options"}, "use options.progress, which knows --progress"


def test_the_core_needs_the_standard_library_only() -> None:
    for module in (one for one in GRAPH if within(one, "migrate.core")):
        for name in GRAPH[module]:
            assert name.split(".")[0] in {"migrate", *sys.stdlib_module_names}, f"{module} imports {name}"


@pytest.mark.parametrize("name", ["time", "random", "socket", "os", "pathlib", "sqlite3", "urllib"])
def test_the_core_touches_no_world(name: str) -> None:
    for module in (one for one in GRAPH if within(one, "migrate.core")):
        assert not any(used.split(".")[0] == name for used in GRAPH[module]), f"{module} imports {name}"


def test_there_is_no_cycle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module in done:
            return
        for name in GRAPH[module]:
            if name in GRAPH and name != module:
                visit(name, (*path, module))
        done.add(module)

    for module in GRAPH:
        visit(module, ())
