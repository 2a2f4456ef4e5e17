"""Every command that a shell line could run, as far as it can be told: for rules that forbid.

Looks into substitutions, functions and conditions, behind programs that run other programs, and into texts
that are handed to shells. What it finds may be more than ever runs; when something may have escaped it, it
says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from acp_agent.model.permission import ShellCommand
from acp_agent.tools.shell.grammar import KEYWORDS, syntax_tree, walk
from acp_agent.tools.shell.programs import APPENDING, SHELLS, WRAPPERS, base_name, inner_start, other_names

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_COMMANDS = 50
"""Commands of one line; with more of them nobody sees what it does."""

MAX_OPENED = 30
"""Words behind a wrapping program that are looked at as the command it runs."""

MAX_NESTING = 4
"""Texts handed to shells within texts handed to shells that are looked into."""

_HIDING = re.compile(r"`|\$\(|[<>]\(")  # in a text without a structure
_SIMPLE = re.compile(r"[\w@%+=:,./-]*")
_EXPANDED = frozenset("*?[{~$`")
_NO_WORDS = frozenset(
    ("variable_assignment", "file_redirect", "heredoc_redirect", "herestring_redirect", "comment")
)
_KEYWORD_COMMANDS = frozenset(("declaration_command", "unset_command", "test_command"))
_MISREAD = KEYWORDS - WRAPPERS  # for bash these begin something else than a command
_STRING_PARTS = frozenset(('"', "string_content"))


class CommandSearch:
    """Collects the commands of one line in `found` and counts those that are written out.

    `complete` turns false when something may have been missed, and stays so.
    """

    def __init__(self, cwd: Path) -> None:
        self.found: list[ShellCommand] = []
        self.complete = True
        self.n_written = 0
        self._cwd = cwd
        self._names: dict[str, tuple[str, ...]] = {}

    def search(self, text: str, depth: int = 0) -> None:
        """Look through a line that is `depth` texts deep."""
        joined = text.replace("\\\n", "")
        if joined != text or not joined.replace("\n", " ").replace("\t", " ").isprintable():
            self.complete = False
        root = syntax_tree(joined)
        if root.has_error:
            self.complete = False
        for node in walk(root):
            if self.n_written > MAX_COMMANDS:
                self.complete = False
                return
            if node.type == "command":
                words, known = _known_words(node)
                if not _MISREAD.isdisjoint(words[:1]):
                    self.complete = False
                self._take(words, known, _written(node), depth)
            elif node.type in _KEYWORD_COMMANDS:
                self._take(tuple(_written(node).split()[:1]), False, _written(node), depth)
            elif node.is_named and not node.children and node.type not in ("raw_string", "comment"):
                self.complete = self.complete and not _HIDING.search(_written(node))

    def _take(self, words: tuple[str, ...], complete: bool, text: str, depth: int) -> None:
        self.n_written += 1
        self._add(words, complete, text)
        start = inner_start(words, self._names_of(words[0]) if words else ())
        if start is None:
            return
        end = start + MAX_OPENED
        self.complete = self.complete and len(words) <= end
        appends = not APPENDING.isdisjoint(words)
        for first in range(start, min(len(words), end)):
            self._add(words[first:], complete and not appends, " ".join(words[first:]))
        if not complete or _runs_unseen(words[:end]):
            self._add((), False, "")
        for text_inside in (inside for word in words[1:] for inside in _lines_in(word)):
            if depth == MAX_NESTING or self.n_written > MAX_COMMANDS:
                self.complete = False
                return
            self.search(text_inside, depth + 1)

    def _add(self, words: tuple[str, ...], complete: bool, text: str) -> None:
        names = self._names_of(words[0]) if words else ()
        self.found.append(ShellCommand(words, complete, names, text))

    def _names_of(self, program: str) -> tuple[str, ...]:
        if program not in self._names:
            is_option = program.startswith("-")
            self._names[program] = () if is_option else other_names(program, self._cwd)
        return self._names[program]


def _known_words(command: Node) -> tuple[tuple[str, ...], bool]:
    """The words up to the first that only the shell can work out, and whether there is none such."""
    words: list[str] = []
    for child in command.children:
        if child.type in _NO_WORDS:
            continue
        word = _literal(child)
        if word is None:
            return tuple(words), False
        words.append(word)
    return tuple(words), True


def _literal(node: Node) -> str | None:
    """What a word stands for, or None if only the shell can tell."""
    match node.type:
        case "word" | "number":
            return _unescaped(_written(node))
        case "raw_string":
            return _written(node)[1:-1]
        case "string" if all(child.type in _STRING_PARTS for child in node.children):
            return re.sub(r'\\([$`"\\])', r"\1", _written(node)[1:-1])
        case "concatenation" if all(child.type == "word" for child in node.children):
            return _unescaped(_written(node))
        case "command_name" | "concatenation":
            parts = [_literal(child) for child in node.children]
            return None if None in parts else "".join(part for part in parts if part is not None)
        case _:
            return None if node.is_named else _written(node)


def _unescaped(word: str) -> str | None:
    if not _EXPANDED.isdisjoint(re.sub(r"\\.|\{\}", "", word)):
        return None
    return re.sub(r"\\(.)", r"\1", word)


def _lines_in(word: str) -> list[str]:
    """A word of a wrapping program as the lines it may be meant as: `-c` and the like may be glued to it."""
    if _SIMPLE.fullmatch(word):
        return []
    if word.startswith("--") and "=" in word:
        return [word.partition("=")[2]]
    return [word, word[2:]] if word.startswith("-") else [word]


def _runs_unseen(words: tuple[str, ...]) -> bool:
    """Whether these words run something that comes from an input or a pipe."""
    if not APPENDING.isdisjoint(words) and any("{}" in word or word.startswith("-I") for word in words):
        return True
    return any(
        base_name(word) in SHELLS and _takes_unseen_lines(words[index + 1 :])
        for index, word in enumerate(words)
    )


def _takes_unseen_lines(args: tuple[str, ...]) -> bool:
    """Whether a shell with these arguments reads its commands from its input or from a pipe."""
    operands = [arg for arg in args if not arg.startswith(("-", "+"))]
    return (
        not operands
        or operands[0].startswith(("/dev/", "/proc/"))
        or any(arg == "-" or ("s" in arg and re.fullmatch("-[a-z]+", arg)) for arg in args)
    )


def _written(node: Node) -> str:
    return (node.text or b"").decode()
