"""How things that the user attached are written for the model: plainly set apart, none able to break out."""

from __future__ import annotations

import msgspec

from acp_agent.model.content import Resource, ResourceLink

MAX_NAME = 500
"""Characters of a name or URI that are repeated to the model."""


class Head(msgspec.Struct, frozen=True):
    """The beginning of a text; `n_lines` complete lines, or a part of the first when that is 0."""

    text: str
    n_lines: int


def quoted(uri: str, text: str, *, tag: str = "file", lines: str = "") -> str:
    """`text` between tags that name where it is from and that do not occur in it."""
    while f"</{tag}" in text:
        tag += "_"
    place = f' lines="{lines}"' if lines else ""
    end = "" if text.endswith("\n") else "\n"
    return f'<{tag} uri="{one_line(uri)}"{place}>\n{text}{end}</{tag}>'


def named(part: ResourceLink | Resource) -> str:
    """What the user sees of it, and its address."""
    if isinstance(part, Resource):
        return f"<{one_line(part.uri)}>"
    about = [one_line(text) for text in (part.title, part.description) if text]
    return " ".join([f"{one_line(part.name)} <{one_line(part.uri)}>", *(f"({text})" for text in about)])


def one_line(text: str) -> str:
    """`text` without anything that ends a line, an attribute or a tag, and not longer than `MAX_NAME`."""
    plain = "".join(
        char if char.isprintable() and char not in '"<>' else f"%{ord(char):02X}" for char in text[:MAX_NAME]
    )
    return plain if len(text) <= MAX_NAME else f"{plain}…"


def head(text: str, limit_bytes: int) -> Head | None:
    """The beginning of `text` that fits, up to the end of a line if one fits; None if all of it does."""
    data = text.encode(errors="replace")
    if len(data) <= limit_bytes:
        return None
    cut = data[: max(limit_bytes, 0)].decode(errors="ignore")
    end = cut.rfind("\n") + 1
    return Head(cut[:end], cut.count("\n")) if end else Head(cut, 0)
