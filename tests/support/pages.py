"""README and docs as the tests read them: blocks, command lines, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.cli import ROOT

# How lines of an indented block begin that are typed; in fenced ones the language says it.
_TYPED = ("neaptide ", "make ", "export ", "cd ", "pip ", "uv ", "docker ", ".venv/bin/")
_SHELLS = ("sh", "bash", "console")
_HEREDOC = re.compile(r"<<-?'?(\w+)'?")


@dataclass(frozen=True)
class Block:
    """A block of code, the line that it begins in, and its language; an indented one has none."""

    page: Path
    line: int
    language: str
    text: str

    def commands(self) -> list[str]:
        """What is typed in it, one element a command, without what it prints and without comments at its end."""
        lines = self.text.splitlines()
        if self.language == "console" or any(line.startswith("$ ") for line in lines):
            return [_bare(line[2:]) for line in lines if line.startswith("$ ")]
        if self.language not in _SHELLS and not (not self.language and lines[0].startswith(_TYPED)):
            return []
        return [_bare(command) for command in _joined(lines) if command.strip() and not command.startswith("#")]


def pages() -> list[Path]:
    """The README, what stands beside it, and every page of `docs/`."""
    return [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(ROOT.glob("docs/*.md"))


def blocks(page: Path) -> list[Block]:
    """Its blocks of code, fenced and indented, in order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        begin, line = number, lines[number]
        number += 1
        if line.startswith("```"):
            while not lines[number].startswith("```"):
                number += 1
            found.append(Block(page, begin + 1, line[3:].strip(), "\n".join(lines[begin + 1 : number])))
            number += 1
        elif line.startswith("    ") and (begin == 0 or not lines[begin - 1].strip()):
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                number += 1
            text = "\n".join(one[4:] for one in lines[begin:number]).rstrip()
            found.append(Block(page, begin + 1, "", text))
    return found


def prose(page: Path) -> str:
    """Its text without blocks of code."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"^ {4}.*$", "", text, flags=re.M)


def links(page: Path) -> Iterator[str]:
    """Where its links and pictures lead that lead to no other site."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """The names that a link can lead to within a page: its headings, as GitHub and the site's generator spell them."""
    heads = re.findall(r"^#+ +(.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def _joined(lines: list[str]) -> Iterator[str]:
    """Lines as commands: a here-document belongs to its line, and so does what a backslash goes on with."""
    left = iter(lines)
    for line in left:
        command = line
        while command.endswith("\\"):
            command = command[:-1] + next(left).strip()
        heredoc = _HEREDOC.search(command)
        while heredoc and not command.endswith(f"\n{heredoc[1]}"):
            command += "\n" + next(left)
        yield command


def _bare(command: str) -> str:
    """Without the comment at its end, which is set off by two blanks."""
    return re.sub(r"\s{2,}#.*$|\s+#\s.*$", "", command) if "\n" not in command else command
