import click

from app.face.base import Command


@click.command(cls=Command, examples=("x",))
def command() -> None:
    """x"""
