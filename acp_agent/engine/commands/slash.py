"""The slash commands of a session: which there are, which of them a prompt calls, how one is answered.

A built-in command is answered by the agent itself, and the model never hears of it. Every other command
stands for a text that the model is given in place of what the user typed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from acp_agent.base.ids import IdSource, MessageId
from acp_agent.model import events
from acp_agent.model.command import CommandGroup, CommandInfo, FoundCommands, TextCommand
from acp_agent.model.content import Content, Text
from acp_agent.model.session import StopReason
from acp_agent.ports import SessionStore, ToolSource

if TYPE_CHECKING:
    from acp_agent.engine.conversation import Conversation

_CALL = re.compile(r"/(\S+)\s*(.*?)\s*", re.DOTALL)


class Call(msgspec.Struct, frozen=True):
    """What could be a call of a command; `index` is the part of the prompt that it is in."""

    name: str
    arguments: str
    index: int


class Desk(msgspec.Struct, frozen=True):
    """What built-in commands work with."""

    session: Conversation
    store: SessionStore
    sources: tuple[ToolSource, ...]
    commands: CommandList
    tool_names: Callable[[], tuple[str, ...]]
    new_id: IdSource


class BuiltinCommand(msgspec.Struct, frozen=True):
    """A command the agent answers itself; `answer` gets what was typed behind the name, gives Markdown."""

    info: CommandInfo
    answer: Callable[[str, Desk], Awaitable[str]]
    group: CommandGroup = "built-in"


class PromptCommand(msgspec.Struct, frozen=True):
    """A prompt that an MCP server offers."""

    info: CommandInfo
    source: ToolSource
    prompt: str
    group: CommandGroup = "mcp"


Command: TypeAlias = BuiltinCommand | TextCommand | PromptCommand


class CalledCommand(msgspec.Struct, frozen=True):
    """A command as a prompt calls it; `index` is the part of the prompt that does."""

    command: Command
    arguments: str
    index: int


class CommandList(msgspec.Struct, frozen=True):
    """The commands there are at one moment.

    Attributes:
        by_name: in the order of their groups.
        shadowed: those whose name another one has.
        problems: why files that look like commands are none.
    """

    by_name: Mapping[str, Command]
    shadowed: tuple[Command, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def infos(self) -> tuple[CommandInfo, ...]:
        """What is shown of them."""
        return tuple(command.info for command in self.by_name.values())

    def called_by(self, content: Iterable[Content]) -> CalledCommand | None:
        """The command that the first text of a prompt begins with, if it is one of these.

        Whatever else begins with a slash is a path more often than not, and words like any others.
        """
        call = call_in(content)
        command = self.by_name.get(call.name) if call else None
        return CalledCommand(command, call.arguments, call.index) if call and command else None


def call_in(content: Iterable[Content]) -> Call | None:
    """What a prompt would call if there is a command of that name."""
    for index, part in enumerate(content):
        if isinstance(part, Text):
            match = _CALL.fullmatch(part.text)
            return Call(match[1], match[2], index) if match else None
    return None


def collect(
    builtins: Iterable[BuiltinCommand], found: FoundCommands, prompts: Iterable[PromptCommand]
) -> CommandList:
    """All commands, each name once: built-in ones have theirs, then the user's, the project's and so on."""
    texts: dict[CommandGroup, list[TextCommand]] = {"user": [], "project": [], "skill": []}
    for command in found.commands:
        texts[command.group].append(command)
    by_name: dict[str, Command] = {}
    commands = (*builtins, *texts["user"], *texts["project"], *texts["skill"], *prompts)
    shadowed = [one for one in commands if by_name.setdefault(one.info.name, one) is not one]
    return CommandList(by_name, tuple(shadowed), found.problems)


async def answer_command(command: BuiltinCommand, arguments: str, desk: Desk) -> StopReason:
    """Do what a built-in command says and record what it answers."""
    text = await command.answer(arguments, desk)
    message_id = MessageId(desk.new_id("msg"))
    await desk.session.journal.record(events.CommandAnswered(message_id, text))
    return "end_turn"
