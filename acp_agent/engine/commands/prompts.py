"""Prompts of MCP servers as slash commands: `/mcp:server:prompt value name=value …`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

import anyio

from acp_agent.base.errors import CommandRefused, ToolError
from acp_agent.engine.commands.slash import CalledCommand, PromptCommand, call_in
from acp_agent.engine.sources import JOIN_TIME
from acp_agent.model.command import CommandInfo
from acp_agent.model.content import Content
from acp_agent.model.mcp import PromptArgument, PromptInfo
from acp_agent.ports import ToolSource


def prompt_commands(sources: Iterable[ToolSource]) -> Iterator[PromptCommand]:
    """The prompts that are offered now."""
    for source in sources:
        for prompt in source.prompts():
            about = prompt.description or f"Prompt of the MCP server `{source.name}`"
            hint = " ".join(_shown(argument) for argument in prompt.arguments)
            yield PromptCommand(
                CommandInfo(_typed(source.name, prompt.name), about, hint), source, _word(prompt.name)
            )


def find_prompt(content: Iterable[Content], sources: Sequence[ToolSource]) -> CalledCommand | None:
    """The prompt that is called of a server that may still be connecting, or that no longer offers it."""
    call = call_in(content)
    if call is None:
        return None
    for source in sources:
        name = call.name.removeprefix(_typed(source.name, ""))
        if name != call.name and name:
            command = PromptCommand(CommandInfo(call.name, ""), source, name)
            return CalledCommand(command, call.arguments, call.index)
    return None


async def expand_prompt(command: PromptCommand, typed: str) -> tuple[Content, ...]:
    """What the server makes of its prompt with what the user typed behind the name.

    Raises:
        CommandRefused: the server is not there, has no such prompt or cannot make it, or arguments are wrong.
    """
    source = command.source
    with anyio.move_on_after(JOIN_TIME) as limit:
        await source.wait_settled()
    if limit.cancelled_caught:
        raise CommandRefused(f"MCP server `{source.name}` did not connect within {JOIN_TIME:.0f} s")
    if source.failure is not None:
        raise CommandRefused(f"MCP server `{source.name}` is not available: {source.failure}")
    for prompt in source.prompts():
        if _word(prompt.name) == command.prompt:
            try:
                return await source.expand(prompt.name, arguments_of(prompt, typed))
            except ToolError as exc:
                raise CommandRefused(f"MCP server `{source.name}` did not give the prompt: {exc}") from exc
    known = ", ".join(f"`{_typed(source.name, prompt.name)}`" for prompt in source.prompts()) or "none"
    raise CommandRefused(f"MCP server `{source.name}` has no prompt `{command.prompt}`; it offers: {known}")


def arguments_of(prompt: PromptInfo, typed: str) -> dict[str, str]:
    """Arguments by name: those written `name=value`, then the other words in order.

    Words are taken apart as a shell does; the last argument gets all words that are left over.

    Raises:
        CommandRefused: a required one is missing, or there are words for which there is no argument.
    """
    names = [argument.name for argument in prompt.arguments]
    given: dict[str, str] = {}
    others: list[str] = []
    for word in words_of(typed):
        name, found, value = word.partition("=")
        if found and name in names:
            given[name] = value
        else:
            others.append(word)
    blanks = [name for name in names if name not in given]
    for position, name in enumerate(blanks):
        if others:
            given[name] = " ".join(others) if position == len(blanks) - 1 else others.pop(0)
    if others and not blanks:
        raise CommandRefused(f"too many arguments; expected: {_expected(prompt)}")
    missing = [
        argument.name for argument in prompt.arguments if argument.required and not given.get(argument.name)
    ]
    if missing:
        lacking = ", ".join(f"`{name}`" for name in missing)
        raise CommandRefused(f"missing: {lacking}; expected: {_expected(prompt)}")
    return given


def words_of(typed: str) -> list[str]:
    """Words as a shell takes them apart; only at blanks if quotes are left open."""
    try:
        return shlex.split(typed)
    except ValueError:
        return typed.split()


def _expected(prompt: PromptInfo) -> str:
    return (
        f"`{' '.join(_shown(argument) for argument in prompt.arguments)}`" if prompt.arguments else "nothing"
    )


def _shown(argument: PromptArgument) -> str:
    return f"<{argument.name}>" if argument.required else f"[{argument.name}]"


def _typed(server: str, prompt: str) -> str:
    return f"mcp:{_word(server)}:{_word(prompt)}"


def _word(name: str) -> str:
    """The name without blanks, which would end it."""
    return re.sub(r"\s+", "-", name)
