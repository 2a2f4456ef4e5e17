"""Markdown as a chat draws it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.markdown import Markdown


def markdown(words: str) -> Markdown:
    """The words drawn: headings at the left, links shown with where they lead."""
    return _kind()(words, hyperlinks=False)


@functools.cache
def _kind() -> type[Markdown]:
    from rich.markdown import Heading, Markdown  # lazy: only a chat draws

    class LeftHeading(Heading):
        LEVEL_ALIGN: ClassVar[dict[str, JustifyMethod]] = {}  # none in the middle of a wide window

    class ChatMarkdown(Markdown):
        elements: ClassVar = {**Markdown.elements, "heading_open": LeftHeading}

    return ChatMarkdown
