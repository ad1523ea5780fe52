"""`kvferry completion`: the script by which a shell completes commands, options and their values."""

from __future__ import annotations

import click

from migrate.errors import Exit

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the script that makes a shell complete kvferry: commands, options, and values such as doors.

    \b
      kvferry completion bash > ~/.local/share/bash-completion/completions/kvferry
      kvferry completion zsh > ~/.zfunc/_kvferry    (with fpath+=~/.zfunc before compinit in ~/.zshrc)
      kvferry completion fish > ~/.config/fish/completions/kvferry.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    root = click.get_current_context().find_root().command
    # not BashComplete's own, which asks the bash of this machine for its version
    click.echo(ShellComplete.source(found(root, {}, "kvferry", "_KVFERRY_COMPLETE")))
    return Exit.CLEAN
