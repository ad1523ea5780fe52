"""What imports bring: the values that modules export, CommonJS included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from audits.js.evaluation.project import File
from audits.js.evaluation.values import Context, Values, join
from audits.js.syntax.facts import Export, Expr

if TYPE_CHECKING:
    from audits.js.evaluation.engine import Engine


def imported(engine: Engine, file: File, spec: str, name: str) -> Values:
    """What an import brings."""
    target = engine.project.resolve(file, spec)
    if target is None:
        if spec == "cloudflare:workers" and name == "env":
            return (("env", None, file.index),)
        return (("ext", spec, name),)
    if name == "*":
        return (("mod", target),)
    return exported(engine, target, name)


def exported(engine: Engine, index: int, name: str) -> Values:
    """What a module exports under a name."""

    def compute() -> Values:
        return join(*_exports(engine, index, name))

    return engine.solve(("export", index, name), compute)


def _exports(engine: Engine, index: int, name: str) -> Iterator[Values]:
    file = engine.file(index)
    whole = file.facts.exports.get("*", [])
    found = file.facts.exports.get(name) or (whole if name == "default" else [])
    for export in found:
        yield _exported(engine, file, export)
    if found:
        return
    if name == "default" and file.facts.exports and not file.facts.module:
        yield (("mod", index),)
    for export in whole if name != "*" else ():
        if export.value is not None:
            held = engine.values(file, export.value, export.scope, ())
            yield engine.properties_of(held, name)
    for spec in file.facts.stars if name != "default" else ():
        target = engine.project.resolve(file, spec)
        if target is not None:
            yield exported(engine, target, name)


def _exported(engine: Engine, file: File, export: Export) -> Values:
    if export.spec:
        return imported(engine, file, export.spec, export.local)
    if export.value is not None:
        return engine.values(file, export.value, export.scope, ())
    return engine.look_up(file, export.local, 1 << 40, 0, ())


def required(engine: Engine, file: File, expr: Expr, scope: int, context: Context) -> Values:
    """`require("x")`, `import("x")`."""
    target = engine.project.resolve(file, expr[3])
    if target is None:
        return (("ext", expr[3], "*"),)
    whole = engine.file(target).facts.exports.get("*", [])
    groups = [engine.values(engine.file(target), e.value, e.scope, ()) for e in whole if e.value is not None]
    return join((("mod", target),), *groups)
