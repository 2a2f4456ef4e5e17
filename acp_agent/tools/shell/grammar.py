"""The shell's grammar: a line as a syntax tree, and the simple thing most lines are.

Bash's own parser decides what runs, so nothing here guesses: the tree must hold nothing but commands, and the
whole text must be made of words that mean the same to every shell, blanks, `&&`, `||`, `;` and `|`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tree_sitter import Node

OPERATORS = frozenset(("&&", "||", ";", "|"))
"""What joins the commands of a plain line."""

KEYWORDS = frozenset(
    (
        *("!", "[[", "]]", "{", "}", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for"),
        *("function", "if", "in", "select", "then", "time", "until", "while"),
    )
)
"""Words that are no programs where a program could be."""

_WORD = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")  # no shell gives any of these a meaning inside a word
_BARE = re.compile(r"[A-Za-z0-9_=:,./-]+")
_STRING = re.compile(r'"[^"$`\\]*"')
_JOINTS = frozenset(("program", "list", "pipeline", "command", "command_name", "concatenation"))
_WORDS = frozenset(("word", "number", "raw_string", "string"))
_REASONS = {
    "command_substitution": "a command substitution",
    "process_substitution": "a process substitution",
    "expansion": "an expansion",
    "simple_expansion": "an expansion",
    "arithmetic_expansion": "an expansion",
    "brace_expression": "an expansion",
    "ansi_c_string": "an escape sequence",
    "redirected_statement": "a redirection",
    "herestring_redirect": "a redirection",
    "variable_assignment": "an assignment",
    "variable_assignments": "an assignment",
    "declaration_command": "an assignment",
    "unset_command": "an assignment",
    "subshell": "a subshell",
    "comment": "a comment",
}


class PlainLine(msgspec.Struct, frozen=True):
    """Commands as lists of words, and the operators after them; only the last may have none."""

    calls: tuple[tuple[str, ...], ...]
    operators: tuple[str, ...]

    @property
    def canonical(self) -> str:
        """The line in its one spelling: equal lines do the same, different lines differ."""
        joined = [_spelled(self.calls[0])]
        for operator, words in zip(self.operators, self.calls[1:], strict=False):
            joined += [operator, _spelled(words)]
        return " ".join(joined)


class Unclear(msgspec.Struct, frozen=True):
    """A line that is not plain, and what makes it so."""

    why: str


class _Piece(msgspec.Struct, frozen=True):
    start: int
    end: int
    text: str
    is_operator: bool


def syntax_tree(text: str) -> Node:
    """The tree of a line, whatever it is; what cannot be parsed is marked in it."""
    # lazy: 30 ms, and only sessions that run commands
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language())).parse(text.encode(errors="replace")).root_node


def walk(root: Node) -> Iterator[Node]:
    """All nodes, each before what is in it, in the order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def read_plain(text: str, root: Node) -> PlainLine | Unclear:
    """The plain line that `text`, whose tree is `root`, is; or why it is none."""
    if not text.replace("\t", " ").isprintable():
        return Unclear("a line break or a character that cannot be seen")
    if root.has_error:
        return Unclear("a syntax error")
    source = text.encode()
    pieces = _pieces(source, root)
    if isinstance(pieces, Unclear):
        return pieces
    line = _assemble(source, pieces)
    if isinstance(line, Unclear):
        return line
    for words in line.calls:
        if not words[0] or "=" in words[0] or words[0] in KEYWORDS:
            return Unclear("a word of the shell's own where a program should be")
    return line


def _pieces(source: bytes, root: Node) -> list[_Piece] | Unclear:
    pieces: list[_Piece] = []
    inside = 0  # where the last quoted string ends; its parts were looked at with it
    for node in walk(root):
        if node.start_byte < inside or node.type in _JOINTS:
            continue
        if node.type in OPERATORS:
            pieces.append(_Piece(node.start_byte, node.end_byte, node.type, is_operator=True))
            continue
        if node.type not in _WORDS:
            return Unclear(_REASONS.get(node.type, "more than simple commands"))
        value = _unquoted(source[node.start_byte : node.end_byte].decode())
        if value is None:
            return Unclear("an expansion or an escape")
        pieces.append(_Piece(node.start_byte, node.end_byte, value, is_operator=False))
        inside = node.end_byte
    return pieces


def _spelled(words: tuple[str, ...]) -> str:
    # More is quoted than a shell needs: the grammar does not read every run of signs as one word.
    return " ".join(
        word if _BARE.fullmatch(word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in words
    )


def _unquoted(written: str) -> str | None:
    """What a piece of a word stands for, or None if that is not certain."""
    if _WORD.fullmatch(written):
        return written
    if len(written) > 1 and written[0] == written[-1] == "'" and "'" not in written[1:-1]:
        return written[1:-1]
    return written[1:-1] if _STRING.fullmatch(written) else None


def _assemble(source: bytes, pieces: list[_Piece]) -> PlainLine | Unclear:
    """Words are pieces without a gap, commands are words without an operator."""
    calls: list[tuple[str, ...]] = []
    operators: list[str] = []
    words: list[str] = []
    end, glued = 0, False
    for piece in pieces:
        gap = source[end : piece.start]
        if gap.strip(b" \t"):
            return Unclear("more than simple commands")
        end = piece.end
        if piece.is_operator:
            if not words:
                return Unclear("a syntax error")
            calls.append(tuple(words))
            operators.append(piece.text)
            words = []
        elif glued and not gap:
            words[-1] += piece.text
        else:
            words.append(piece.text)
        glued = not piece.is_operator
    if words:
        calls.append(tuple(words))
    elif not operators or operators.pop() != ";":
        return Unclear("no command at its end")
    if source[end:].strip(b" \t"):
        return Unclear("more than simple commands")
    return PlainLine(tuple(calls), tuple(operators))
