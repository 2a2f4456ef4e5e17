"""The prompts an MCP server keeps ready, as slash commands need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.base.errors import ToolError
from acp_agent.model.content import Content, Text
from acp_agent.model.mcp import PromptArgument, PromptInfo
from acp_agent.tools.mcp.content import content_of
from acp_agent.tools.mcp.text import one_line

if TYPE_CHECKING:
    from mcp.types import GetPromptResult, Prompt

MAX_PROMPTS = 128
"""Prompts taken from one server."""

MAX_LINE = 300
"""Characters of a description."""


def prompt_info(listed: Prompt) -> PromptInfo:
    """What is shown of a prompt."""
    arguments = tuple(
        PromptArgument(
            argument.name,
            one_line(argument.description or argument.title or "", MAX_LINE),
            bool(argument.required),
        )
        for argument in listed.arguments or ()
    )
    return PromptInfo(listed.name, one_line(listed.description or listed.title or "", MAX_LINE), arguments)


def prompt_content(result: GetPromptResult) -> tuple[Content, ...]:
    """A prompt as something the user says. Where it quotes an assistant, that is said too.

    Raises:
        ToolError: it is empty.
    """
    quotes = any(message.role == "assistant" for message in result.messages)
    found: list[Content] = []
    for message in result.messages:
        content = content_of(message.content)
        if quotes and isinstance(content, Text):
            content = Text(f"{message.role.capitalize()}: {content.text}")
        if not isinstance(content, Text) or content.text.strip():
            found.append(content)
    if not found:
        raise ToolError("answered with an empty prompt")
    return tuple(found)
