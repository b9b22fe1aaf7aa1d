"""The script that a shell reads to complete what is typed."""

from __future__ import annotations

import click

from app.face.base import Command

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", cls=Command, examples=("neaptide completion bash",))
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    """Print what a shell needs to complete commands and names.

    \b
    ~/.bashrc                    eval "$(neaptide completion bash)"
    ~/.zshrc                     eval "$(neaptide completion zsh)"
    ~/.config/fish/config.fish   neaptide completion fish | source
    """
    from click import shell_completion

    shell_class = shell_completion.get_completion_class(shell)
    assert shell_class is not None
    click.echo(shell_class(ctx.find_root().command, {}, "neaptide", "_NEAPTIDE_COMPLETE").source())
