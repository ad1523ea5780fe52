"""`kvferry bridge dev`: run a bridge and its application on Cloudflare's local runtime."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("dev")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--port", type=click.IntRange(1, 65535), help="Listen there (default: any free port).")
@click.option(
    "--persist-to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep KV and objects there (default: where the application's `wrangler dev` does).",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when it fails.")
def command(folder: Path, port: int | None, persist_to: Path | None) -> int:
    """Run the bridge in DIR, and beside it the application of the current folder, until Ctrl-C.

    A rehearsal on this machine: both are what would be deployed, on Cloudflare's own runtime, with KV
    and Durable Objects on the disk. No account is reached. The runtime comes from npm at the first time,
    and needs Node.js 22: pip install 'kvferry[edge]' brings it.

    \b
      kvferry bridge dev ../sessions-bridge
      kvferry bridge keys ../sessions-bridge
    """
    import shlex

    from migrate.bridging.beside import find_beside, running
    from migrate.commands.waiting import until_interrupted
    from migrate.local_runtime import find_tools

    beside = find_beside(folder, Path.cwd())
    tools = find_tools(lambda line: click.echo(line, err=True))
    with (
        until_interrupted() as wait,
        running(beside, tools, state=persist_to or beside.state, port=port) as runtime,
    ):
        click.echo(f"bridge       do+{runtime.url}")
        click.echo(f"application  {runtime.url}")
        for binding, name in beside.namespaces.items():
            click.echo(f"KV           kv+{runtime.url}/{name} ({binding})")
        click.echo(
            f'keys: eval "$(kvferry bridge keys {shlex.quote(str(folder))})"; Ctrl-C ends it', err=True
        )
        wait(runtime.running)
        if not runtime.running():
            click.echo(runtime.said(), err=True)
            from migrate.errors import MigrateError

            raise MigrateError("the local runtime has ended", "look at what it said last, above")
    return 0
