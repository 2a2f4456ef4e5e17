"""The head of a Markdown file: `key: value` lines between two lines of `---`. A part of YAML, read strictly.

Values are plain, quoted, or blocks behind `|` and `>`; they may go on in indented lines. Keys whose value is
anything else, a list or a table, are kept apart. What looks like nothing of this is an error, not a guess.
Anchors, tags, tables in braces, lists of tables and several documents in one file are not read.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping

import msgspec

_KEY = re.compile(r"([A-Za-z][\w-]*):(?:\s+(.*))?")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_BLOCK = re.compile(r"([|>])[+-]?")


class Document(msgspec.Struct, frozen=True):
    """A file taken apart: the values of its head, and what stands below it.

    `lists` has the keys whose value is no text, with the items that are listed there, if any. `tables` has
    those whose value could be a table, as text for `parse_table`.
    """

    head: Mapping[str, str]
    body: str
    lists: Mapping[str, tuple[str, ...]] = {}
    tables: Mapping[str, str] = {}


def parse_document(text: str) -> Document:
    """The head and the body; a text that does not begin with `---` is all body.

    Raises:
        ValueError: the head is not written as it should be; says where and what.
    """
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return Document({}, text.strip())
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        raise ValueError("line 1: the `---` has no second one that ends the head")
    return msgspec.structs.replace(_values(lines[1:end], 2), body="\n".join(lines[end + 1 :]).strip())


def parse_table(text: str) -> Document:
    """A text that is nothing but the head of a file; one without a body.

    Raises:
        ValueError: it is not written as it should be; says where and what.
    """
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    start = 1 if lines and lines[0].rstrip() == "---" else 0
    return _values(lines[start:], start + 1)


def _values(lines: list[str], first: int) -> Document:
    head: dict[str, str] = {}
    lists: dict[str, tuple[str, ...]] = {}
    tables: dict[str, str] = {}
    seen: set[str] = set()
    at = 0
    while at < len(lines):
        line, number = lines[at], at + first
        at += 1
        if not line.strip() or line.startswith("#"):
            continue
        match = _KEY.fullmatch(line.rstrip())
        if match is None:
            raise ValueError(f"line {number}: is not written as `key: value`")
        key = match[1]
        if key in seen:
            raise ValueError(f"line {number}: `{key}` is there twice")
        seen.add(key)
        start = at
        while at < len(lines) and (not lines[at].strip() or lines[at][0] in " \t" or _is_item(lines[at])):
            at += 1
        value = _value(match[2] or "", lines[start:at], number)
        if value is not None:
            head[key] = value
        else:
            below = [line.strip() for line in lines[start:at]]
            if _is_item(next((line for line in below if line and line[0] != "#"), "-")):
                items = (line[2:] for line in below if _is_item(line))
                lists[key] = tuple(_COMMENT.sub("", item).strip().strip("'\"") for item in items)
            else:
                lists[key] = ()
                tables[key] = textwrap.dedent("\n".join(lines[start:at]))
    return Document(head, "", lists, tables)


def _is_item(line: str) -> bool:
    return line == "-" or line.startswith("- ")


def _value(first: str, more: list[str], number: int) -> str | None:
    """The text that a value is; None if it is no text."""
    rest = [line.strip() for line in more]
    block = _BLOCK.fullmatch(_COMMENT.sub("", first).strip())
    if block:
        return textwrap.dedent("\n".join(more)).strip() if block[1] == "|" else " ".join(rest).strip()
    if any(_is_item(line.strip()) for line in more):
        return None
    whole = " ".join(part for part in (first.strip(), *rest) if part)
    if whole[:1] in ("'", '"'):
        return _unquoted(whole, number)
    if not first.strip() and whole:
        return None  # a table of its own
    return _COMMENT.sub("", whole).strip()


def _unquoted(text: str, number: int) -> str:
    if text[0] == "'":
        match = re.fullmatch(r"'((?:[^']|'')*)'\s*(?:#.*)?", text)
        if match:
            return match[1].replace("''", "'")
    else:
        match = re.fullmatch(r'("(?:[^"\\]|\\.)*")\s*(?:#.*)?', text)
        if match:
            try:
                return str(json.loads(match[1]))
            except ValueError as exc:
                raise ValueError(f"line {number}: the value has an escape that is not known") from exc
    raise ValueError(f"line {number}: the quotes of the value do not close, or something follows them")
