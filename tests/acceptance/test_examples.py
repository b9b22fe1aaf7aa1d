"""Every example of every `--help`, typed on the demo in the order in which help lists them."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app import cli
from app.oltp.embedded.server import EmbeddedServer
from tests.support.cli import Cli

# The demo has nobody to tell, no events and no lake; that is what it says.
_TOLD = {
    "neaptide alerts test": "no [alerts] urls",
    "neaptide alerts test --json": "no [alerts] urls",
    **dict.fromkeys(
        ("neaptide lake migrate", "neaptide lake tidy", "neaptide lake migrate var/old.duckdb"), "the target is a file"
    ),
    **dict.fromkeys(
        ("neaptide broker start", "neaptide broker status", "neaptide broker status --json", "neaptide broker stop"),
        "names no embedded broker",
    ),
    **dict.fromkeys(
        ("neaptide events tail", "neaptide events tail --follow", "neaptide events tail --follow --json"),
        "there is no neaptide.outbox",
    ),
    **dict.fromkeys(("neaptide relay", "neaptide relay --once"), "there is nothing to relay"),
}
_ENDLESS = ("neaptide daemon", "neaptide serve", "neaptide demo --serve")
# Each of these makes servers of its own and measures on them; the others are typed one after the other on one demo.
_ALONE = ("feed", "demo")


def _examples(command: click.Command = cli.root) -> Iterator[str]:
    yield from command.examples  # type: ignore[attr-defined]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _examples(found)


def _group(line: str) -> str:
    words = shlex.split(line)[1:]
    return words[0] if words and words[0] in _ALONE else "others"


@pytest.mark.long
@pytest.mark.parametrize("group", ["others", *_ALONE])
def test_every_example_runs_as_it_is_typed_on_the_demo(open_folder: Path, group: str) -> None:
    here = Cli(open_folder)
    try:
        here.process("demo").ok()
        demo = Cli(open_folder / "neaptide-demo")
        for line in (line for line in dict.fromkeys(_examples()) if _group(line) == group):
            words = shlex.split(line)[1:]
            if line in _ENDLESS:
                _interrupted(demo, words)
                continue
            done = demo.process(*words)
            if line in _TOLD:
                assert done.code in (1, 2) and _TOLD[line] in done.err, done.err
                continue
            assert done.code == 0, f"{line}\nexit {done.code}\n{done.out}\n{done.err}"
    finally:
        EmbeddedServer(open_folder / "neaptide-demo" / "var/postgres").remove()


def _interrupted(there: Cli, words: list[str]) -> None:
    """One that goes on until Ctrl-C: it says so as it starts, and then ends in order."""
    process = there.begun(*words)
    assert process.stderr is not None and any("Ctrl-C" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (0, 130)
