"""`kvferry bridge init`: write a bridge that can be deployed."""

from __future__ import annotations

from pathlib import Path

import click

from migrate.commands import options


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--env", metavar="NAME", help="Environment in wrangler's configuration.")
@click.option("--binding", metavar="NAME", help="The application's binding of the session class.")
@click.option(
    "--placement",
    default="per-session",
    show_default=True,
    metavar="PLACEMENT",
    help="One object per session, or shards:N. For ever: read runbooks/bridge.md first.",
)
@click.option(
    "--prefix",
    default="spotify_session:",
    show_default=True,
    help="What keys in KV begin with, and ids of sessions do not.",
)
@click.option("--location-hint", metavar="HINT", help="Where new objects are made: weur, enam, and so on.")
@click.option("--kv-binding", metavar="NAME", help="The application's binding of the sessions' KV namespace.")
@click.option("--no-kv", is_flag=True, help="Bind no KV namespace: nothing is written there through it.")
@click.option("--name", metavar="NAME", help="The bridge's own name (default: SCRIPT-kvferry-bridge).")
@click.option("--workers-dev", is_flag=True, help="Give it an address in workers.dev.")
@click.option("--domain", metavar="HOST", help="Give it this host name of a zone in the account.")
@click.option("--access", metavar="TEAM/AUD", help="Let in only who comes through this Cloudflare Access.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--force", is_flag=True, help="Replace what kvferry wrote there; never what was edited.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
@options.bridge_config_option
def command(
    folder: Path,
    env: str | None,
    binding: str | None,
    placement: str,
    prefix: str,
    location_hint: str | None,
    kv_binding: str | None,
    no_kv: bool,
    name: str | None,
    workers_dev: bool,
    domain: str | None,
    access: str | None,
    dry_run: bool,
    force: bool,
) -> int:
    """Write a bridge into DIR: sources, a configuration for this project's session class, and a new secret.

    The class is found in the wrangler configuration of the current folder, and so is the KV namespace of
    the sessions: SESSIONS, or the only one that is bound. The bridge gets it as SESSIONS_KV, and writes it
    only under a key for kv. The secret is in DIR/.dev.vars, for its owner alone, and is not shown.

    \b
      kvferry bridge init ../sessions-bridge --env production --domain bridge.example.com
      kvferry bridge init ../sessions-bridge --placement shards:16 --dry-run
    """
    import os

    from migrate.bridging import creating
    from migrate.bridging.application import find_application
    from migrate.bridging.project import BridgeProject, default_name, read_access

    options.one_prefix()
    environment = env or os.environ.get("CLOUDFLARE_ENV")
    found = find_application(Path.cwd(), binding, environment, kv_binding)
    project = BridgeProject(
        name=name or default_name(found.script),
        script=found.script,
        class_name=found.class_name,
        environment=found.environment,
        placement=placement,
        prefix=prefix,
        location_hint=location_hint,
        workers_dev=workers_dev,
        domain=domain,
        access=None if access is None else read_access(access),
        account_id=found.account_id,
        compliance_region=found.compliance_region,
        stats_class=found.stats_class,
        kv=None if no_kv else found.kv,
    )
    created = creating.create(folder, project, Path.cwd(), force=force, dry_run=dry_run)
    for line in creating.told(created, found.where):
        click.echo(line)
    return 0
