"""`/memory`: what is remembered, and forgetting it. Offered only in sessions that remember."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from acp_agent.base.errors import StoreError
from acp_agent.engine.commands.markdown import code, one_line
from acp_agent.engine.commands.slash import BuiltinCommand
from acp_agent.model.command import CommandInfo
from acp_agent.model.memory import MemoryItem

if TYPE_CHECKING:
    from acp_agent.engine.commands.slash import Desk
    from acp_agent.engine.memory.tiers import Memory

MAX_LISTED = 20
"""Memories that `/memory` lists."""

_HELP = "`/memory search WORDS` finds some, `/memory forget N` forgets one, `/memory forget all` everything."


async def manage_memory(typed: str, desk: Desk) -> str:
    """The last memories, those that share words with a text, or fewer of them."""
    memory = desk.session.aids.memory
    if memory is None:
        return "This session remembers nothing beyond its conversation."
    verb, _, rest = typed.partition(" ")
    rest = rest.strip()
    try:
        match verb:
            case "" | "list":
                return _listed("Remembered, the last first", await memory.recent(MAX_LISTED))
            case "search" if rest:
                found = await memory.store.search(rest, MAX_LISTED)
                return _found(f"Remembered about {code(rest)}", found)
            case "forget" if rest:
                return await _forget(rest, memory)
            case _:
                return f"{code(typed)} is not understood. {_HELP}"
    except StoreError as exc:
        return f"The memory cannot be used: {one_line(str(exc))}."


async def _forget(wanted: str, memory: Memory) -> str:
    if wanted == "all":
        n_items = await memory.clear("long_term")
        await memory.clear("short_term")
        await memory.clear("working")
        return f"Everything was forgotten: {n_items} {'memory' if n_items == 1 else 'memories'}."
    recent = await memory.recent(MAX_LISTED)
    numbers = {str(number): item.id for number, item in enumerate(recent, start=1)}
    if await memory.forget(numbers.get(wanted, wanted)):
        return f"Forgotten: {code(wanted)}."
    return f"{code(wanted)} is none of the numbers 1 to {len(recent)}, and no memory. See `/memory`."


def _listed(title: str, items: list[MemoryItem]) -> str:
    if not items:
        return "Nothing is remembered here yet."
    lines = [
        f"{number}. {item.timestamp:%Y-%m-%d %H:%M} {item.memory_type}: {code(item.content)}"
        for number, item in enumerate(items, start=1)
    ]
    return "\n".join((f"**{title}**, times in UTC\n", *lines, "", _HELP))


def _found(title: str, items: Sequence[MemoryItem]) -> str:
    """By id: the numbers of `/memory` are those of its own list."""
    if not items:
        return "Nothing like that is remembered."
    lines = [f"- `{item.id}` {item.memory_type}: {code(item.content)}" for item in items]
    return "\n".join((f"**{title}**\n", *lines, "", "`/memory forget` and an id forgets one."))


MEMORY = BuiltinCommand(
    CommandInfo("memory", "Show what is remembered, or forget it", "[search words] or [forget N|all]"),
    manage_memory,
)
