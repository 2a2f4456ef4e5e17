"""The commands that the agent answers itself. Each answer is short Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio
import msgspec

from acp_agent.base.errors import StoreError
from acp_agent.engine.commands.history import clear_history, compact_history, rewind_history
from acp_agent.engine.commands.markdown import code, one_line
from acp_agent.engine.commands.permissions import permissions
from acp_agent.engine.commands.slash import BuiltinCommand, Command, Desk
from acp_agent.engine.commands.verifying import VERIFY
from acp_agent.model.chat import Usage
from acp_agent.model.command import CommandGroup, CommandInfo, TextCommand
from acp_agent.model.session import MODES
from acp_agent.ports import ToolSource

SETTLE_TIME = 1.0
"""Seconds that `/mcp` waits for servers which are still connecting."""

MAX_SESSIONS = 20
"""Sessions that `/sessions` lists."""

GROUPS: dict[CommandGroup, str] = {
    "built-in": "Commands of acp-agent",
    "user": "Your commands",
    "project": "Commands of this project",
    "skill": "Skills",
    "mcp": "Prompts of MCP servers",
}
"""Headings of groups."""


class Choice(msgspec.Struct, frozen=True):
    """One of several things to choose from."""

    id: str
    name: str


async def show_help(typed: str, desk: Desk) -> str:
    """All commands, by group."""
    commands = desk.commands
    parts: list[str] = []
    for group, heading in GROUPS.items():
        lines = [_help_line(command) for command in commands.by_name.values() if command.group == group]
        if lines:
            parts.append("\n".join((f"**{heading}**\n", *lines)))
    hidden = [f"- `/{one.info.name}` {_origin(one)}" for one in commands.shadowed]
    if hidden:
        parts.append("\n".join(("**Not reachable, because another command has the name**\n", *hidden)))
    if commands.problems:
        problems = (f"- {one_line(problem)}" for problem in commands.problems)
        parts.append("\n".join(("**Files that cannot be used**\n", *problems)))
    return "\n\n".join(parts)


async def choose_model(typed: str, desk: Desk) -> str:
    """The models, or another one chosen."""
    session = desk.session
    choices = [Choice(model.id, model.name) for model in session.models()]
    if not typed:
        return _listed("Models", choices, session.state.model, "/model")
    chosen = _chosen(typed, choices, "model")
    if isinstance(chosen, str):
        return chosen
    await session.set_model(chosen.id)
    return f"The model is `{chosen.id}` from now on."


async def choose_mode(typed: str, desk: Desk) -> str:
    """The modes, or another one chosen."""
    session = desk.session
    if not typed:
        choices = [Choice(mode.id, mode.description) for mode in MODES]
        return _listed("Modes", choices, session.state.mode, "/mode")
    chosen = _chosen(typed, [Choice(mode.id, mode.name) for mode in MODES], "mode")
    if isinstance(chosen, str):
        return chosen
    await session.set_mode(chosen.id)
    about = next(mode.description for mode in MODES if mode.id == chosen.id)
    return f"The mode is `{chosen.id}` from now on. {about}"


async def show_servers(typed: str, desk: Desk) -> str:
    """The MCP servers and how each of them is."""
    if not desk.sources:
        return "This session has no MCP servers."
    settled = await _settled(desk.sources)
    lines = [f"- {code(source.name)}: {_condition(source, settled)}" for source in desk.sources]
    return "\n".join(("**MCP servers**\n", *lines))


async def show_cost(typed: str, desk: Desk) -> str:
    """Tokens and dollars, of the session and of its last prompt."""
    spent = desk.session.state.spending
    lines = [
        f"- Last prompt: {_used(spent.last, spent.last_cost)}",
        f"- Session: {_used(spent.total, spent.cost)}",
    ]
    if spent.context_size:
        share = 100 * spent.context_used / spent.context_size
        lines.append(f"- Context: {spent.context_used:,} of {spent.context_size:,} tokens ({share:.0f} %)")
    if spent.cost is None:
        lines.append(f"\nThe prices of `{desk.session.state.model}` are not known.")
    return "\n".join(("**Cost**\n", *lines))


async def show_sessions(typed: str, desk: Desk) -> str:
    """The sessions of the same directory that were used last."""
    record = desk.session.record
    try:
        page = await desk.store.list(cwd=record.cwd, cursor=None, limit=MAX_SESSIONS)
    except StoreError as exc:
        return f"The sessions cannot be listed: {exc}."
    lines = [
        f"- {one.updated_at:%Y-%m-%d %H:%M} `{one.id}` {_titled(one.title)}"
        + (" (this one)" if one.id == record.id else "")
        for one in page.sessions
    ]
    if not lines:
        return "There are no sessions of this directory yet."
    more = ["", "There are older ones."] if page.next_cursor else []
    return "\n".join((f"**Sessions in {code(record.cwd)}**, times in UTC\n", *lines, *more))


BUILTINS: tuple[BuiltinCommand, ...] = (
    BuiltinCommand(CommandInfo("help", "List all commands"), show_help),
    BuiltinCommand(
        CommandInfo("compact", "Summarize the conversation to make room", "[what must not be missed]"),
        compact_history,
    ),
    BuiltinCommand(CommandInfo("model", "Show the models or choose one", "[model]"), choose_model),
    BuiltinCommand(CommandInfo("mode", "Show the permission modes or choose one", "[mode]"), choose_mode),
    BuiltinCommand(CommandInfo("mcp", "Show the MCP servers and what they offer"), show_servers),
    BuiltinCommand(
        CommandInfo(
            "permissions",
            "Show permission rules and remembered answers, revoke them, or add a rule for this session",
            "[revoke N|all] or [allow|ask|deny Tool(pattern)]",
        ),
        permissions,
    ),
    BuiltinCommand(CommandInfo("cost", "Show the tokens and dollars used so far"), show_cost),
    BuiltinCommand(CommandInfo("clear", "Begin anew: the model forgets the conversation"), clear_history),
    BuiltinCommand(
        CommandInfo("rewind", "List your messages, or go back to before one of them", "[number] [files]"),
        rewind_history,
    ),
    BuiltinCommand(CommandInfo("sessions", "List the sessions of this directory"), show_sessions),
    VERIFY,
)


def _help_line(command: Command) -> str:
    info = command.info
    return f"- {code(f'/{info.name} {info.hint}')}: {one_line(info.description)}"


def _origin(command: Command) -> str:
    if isinstance(command, TextCommand):
        return f"of {code(command.origin)}"
    return f"of {GROUPS[command.group].lower()}"


def _listed(title: str, choices: Iterable[Choice], current: str, command: str) -> str:
    lines = [
        f"- `{choice.id}`{' (current)' if choice.id == current else ''}"
        + (f": {choice.name}" if choice.name not in ("", choice.id) else "")
        for choice in choices
    ]
    return "\n".join((f"**{title}**\n", *lines, "", f"Choose one with `{command}` and its name."))


def _chosen(typed: str, choices: Sequence[Choice], kind: str) -> Choice | str:
    """The one that is meant, by its id or by a part of id or name that no other has; or why there is none."""
    wanted = typed.casefold()
    for choice in choices:
        if wanted in (choice.id.casefold(), choice.name.casefold()):
            return choice
    fitting = [one for one in choices if wanted in one.id.casefold() or wanted in one.name.casefold()]
    if len(fitting) == 1:
        return fitting[0]
    ids = [choice.id for choice in fitting or choices]
    if not fitting:
        import difflib  # lazy: only for names that do not exist

        ids = difflib.get_close_matches(typed, ids, cutoff=0.4) or ids[:10]
    named = ", ".join(f"`{choice_id}`" for choice_id in ids)
    if fitting:
        return f"Several {kind}s are called something like {code(typed)}: {named}."
    return f"There is no {kind} {code(typed)}. Nearest: {named}."


async def _settled(sources: Iterable[ToolSource]) -> set[str]:
    """Names of those that have connected or failed."""
    settled: set[str] = set()

    async def wait(source: ToolSource) -> None:
        await source.wait_settled()
        settled.add(source.name)

    with anyio.move_on_after(SETTLE_TIME):
        async with anyio.create_task_group() as waiting:
            for source in sources:
                waiting.start_soon(wait, source)
    return settled


def _condition(source: ToolSource, settled: set[str]) -> str:
    if source.failure is not None:
        return f"not available: {one_line(source.failure)}"
    if source.name not in settled:
        return "still connecting"
    return f"connected, {_counted(source.tools(), 'tool')}, {_counted(source.prompts(), 'prompt')}"


def _counted(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _used(usage: Usage, cost: float | None) -> str:
    dollars = "" if cost is None else f", ${cost:.4f}"
    cached = f" ({usage.cache_read_tokens:,} cached)" if usage.cache_read_tokens else ""
    return f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out{dollars}"


def _titled(title: str | None) -> str:
    return one_line(title) if title else "(no title)"
