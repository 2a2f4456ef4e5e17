"""What a chat shows, as lines of text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.harmless import harmless

MAX_CARD_LINES = 24
"""Lines of a tool call's result or diff that are shown."""

MAX_OUTPUT_LINES = 8
"""Lines of what a program wrote."""

_PLAN_MARKS = {"completed": "✔", "in_progress": "●"}


def split_blocks(text: str) -> list[str]:
    """The blocks of Markdown, each with what is empty behind it; the last one may not be complete."""
    blocks: list[str] = []
    begin = position = 0
    fence, is_apart = "", False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if is_apart and bare and not line[0].isspace():  # what is indented belongs to the block before it
            blocks.append(text[begin:position])
            begin = position
        position += len(line)
        if bare.startswith(("```", "~~~")):
            fence = "" if fence and bare.startswith(fence) else fence or bare[:3]
        is_apart = not fence and not bare
    return [*blocks, text[begin:]]


def end_of(text: str, n_lines: int) -> str:
    """The last lines of Markdown, within a code block if they began in one."""
    lines = text.split("\n")
    if len(lines) <= n_lines:
        return text
    before = sum(line.strip().startswith("```") for line in lines[:-n_lines])
    return "\n".join([*(["```"] if before % 2 else []), *lines[-n_lines:]])


def title_of(call: JsonObject) -> str:
    """What a call is called, on one line."""
    title = harmless(str(call.get("title") or call.get("toolCallId") or "a tool call"))
    return " ".join(title.split())


def option_lines(options: Sequence[JsonObject]) -> list[str]:
    """The options as a person chooses from them."""
    return [f"    {number}  {harmless(str(one.get('name')))}" for number, one in enumerate(options, 1)]


def plan_lines(entries: Sequence[JsonValue]) -> list[tuple[str, str]]:
    """A plan: mark and text of each entry."""
    return [
        (_PLAN_MARKS.get(str(entry.get("status")), "○"), harmless(str(entry.get("content"))))
        for entry in entries
        if isinstance(entry, dict)
    ]


def diff_lines(call: JsonObject) -> list[tuple[str, str]]:
    """The call's changes as lines of unified diffs, each with its sign; the end of long ones is left out."""
    lines = [*_all_diff_lines(call)]
    if len(lines) > MAX_CARD_LINES:
        rest = len(lines) - MAX_CARD_LINES
        lines = [*lines[:MAX_CARD_LINES], (" ", f"… {rest} more lines")]
    return lines


def result_lines(call: JsonObject) -> list[str]:
    """The text of a call's result: its end if it was a program, where the outcome is, or else its start."""
    lines: list[str] = []
    for part in _parts(call):
        if part.get("type") == "content":
            text = harmless(text_of(part.get("content")))
            lines += [line for line in text.splitlines() if not line.startswith("```")]
    if call.get("kind") == "execute":
        rest = len(lines) - MAX_OUTPUT_LINES
        return lines if rest <= 0 else [f"… {rest} more lines", *lines[rest:]]
    rest = len(lines) - MAX_CARD_LINES
    return lines if rest <= 0 else [*lines[:MAX_CARD_LINES], f"… {rest} more lines"]


def _all_diff_lines(call: JsonObject) -> Iterator[tuple[str, str]]:
    for part in _parts(call):
        if part.get("type") != "diff":
            continue
        old, new = str(part.get("oldText") or ""), str(part.get("newText") or "")
        yield "@", harmless(str(part.get("path")))
        changes = difflib.unified_diff(old.splitlines(), new.splitlines(), n=2, lineterm="")
        for line in islice(changes, 2, None):  # the first two name the file
            yield line[:1], harmless(line)


def _parts(call: JsonObject) -> list[JsonObject]:
    content = call.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def text_of(content: JsonValue) -> str:
    """The text of a content block; empty for everything else."""
    text = content.get("text") if isinstance(content, dict) else None
    return text if isinstance(text, str) else ""
