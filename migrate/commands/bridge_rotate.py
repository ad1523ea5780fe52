"""`kvferry bridge rotate`: give the bridge a new secret."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("rotate")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
def command(folder: Path) -> int:
    """Put a new secret into DIR/.dev.vars, and remove the keys that were signed with the old one.

    Nothing of the old secret is kept. The bridge goes by it until it has the new one: the line that
    is printed hands that over.

    \b
      kvferry bridge rotate ../sessions-bridge
    """
    import shlex

    from migrate.bridging import secret_file
    from migrate.bridging.deployment import read_deployment

    deployment = read_deployment(folder)
    removed = secret_file.rotate(folder)
    click.echo(f"{folder / secret_file.SECRET_FILE} has a new secret, which is not shown")
    if removed:
        click.echo(f"{folder / secret_file.KEYS_FILE} is removed: its keys end with the old secret")
    click.echo("")
    click.echo(f"until this is typed, {deployment.name} goes by the old one:")
    click.echo(f"  ({secret_file.put_line(folder)})")
    click.echo(f'  eval "$(kvferry bridge keys {shlex.quote(str(folder))})"')
    return 0
