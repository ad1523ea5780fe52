"""`kvferry rules`: what audit looks for, and why."""

from __future__ import annotations

import json

import click

from migrate.errors import ConfigError, Exit


@click.command("rules")
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
def command(rule: str | None, as_json: bool) -> int:
    """List the rules of kvferry audit, or explain RULE, given by name or code.

    \b
      kvferry rules
      kvferry rules put-without-ttl
    """
    from audits.formats.wording import columns
    from audits.report import word
    from audits.rules import RULES, documentation, lookup

    chosen = RULES
    if rule is not None:
        one = lookup(rule)
        if one is None:
            raise ConfigError(f"there is no rule {rule!r}", "kvferry rules lists them")
        chosen = (one,)
    if as_json:
        told = [
            {
                "rule": one.name,
                "code": one.code,
                "severity": word(one.severity),
                "summary": one.summary,
                "pedantic": one.pedantic,
                "documentation": documentation.of(one).markdown,
            }
            for one in chosen
        ]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif rule is not None:
        (one,) = chosen
        click.echo(
            f"# {one.name} ({one.code}, {word(one.severity)})\n\n{documentation.of(one).markdown}", nl=False
        )
    else:
        rows = [(one.code, one.name, word(one.severity), one.summary) for one in chosen]
        click.echo("\n".join(columns(rows)))
        click.echo("next: kvferry rules RULE explains one")
    return Exit.CLEAN
