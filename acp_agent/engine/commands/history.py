"""`/compact`, `/clear` and `/rewind`: what the model still knows of a conversation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from acp_agent.engine.commands.markdown import code, one_line
from acp_agent.engine.rewind.messages import RewindPoint, clear, rewind, rewind_points
from acp_agent.engine.rewind.report import files_left, restore_files
from acp_agent.engine.turns.answering import compact_now

if TYPE_CHECKING:
    from acp_agent.engine.commands.slash import Desk

MAX_POINTS = 20
"""Messages that `/rewind` lists."""

_HELP = (
    "`/rewind N` lets the model forget number N and what came after it. `/rewind N files` also puts back the "
    "files the agent wrote since; what commands changed stays."
)


async def compact_history(typed: str, desk: Desk) -> str:
    """Let the model summarize what was said; what was typed is what the summary must not miss."""
    ended = await compact_now(desk.session.answer_context(), typed)
    if ended is None:
        return "There is nothing to summarize yet."
    if ended.status != "completed":
        return f"The conversation stays as it was: {one_line(ended.error) or 'it could not be summarized'}."
    change = f"about {ended.tokens_after:,} tokens instead of {ended.tokens_before:,}"
    return f"The conversation was summarized: {change}."


async def clear_history(typed: str, desk: Desk) -> str:
    """Let the model forget everything."""
    await clear(desk.session)
    return "The model knows nothing any more of what was said before. Files stay as they are."


async def rewind_history(typed: str, desk: Desk) -> str:
    """The messages one can go back to, or going back before one of them, with or without the files."""
    session = desk.session
    async with session.journal.hold():
        points = (await rewind_points(session.stored_events()))[::-1]
    if not points:
        return "There is no message to go back to."
    if not typed:
        return _listed(points)
    wanted, *words = typed.split()
    point = _chosen(wanted, points)
    if point is None:
        return f"{code(wanted)} is none of the numbers 1 to {len(points)}, and no message. See `/rewind`."
    if words not in ([], ["files"], ["files", "anyway"]):
        unknown = code(" ".join(words))
        return f"{unknown} is not understood. Write `/rewind {wanted}` or `/rewind {wanted} files`."
    if words:
        done = await restore_files(session, desk.store, point.message_id, even_changed="anyway" in words)
        if done.refused:
            return f"Nothing was done.\n\n{done.text}\n\n{_ways_out(wanted)}"
    else:
        done = await files_left(session, point.message_id)
    await rewind(session, point.message_id)
    return f"The model knows nothing any more of {_shown(point)} and what came after it.\n\n{done.text}"


def _ways_out(wanted: str) -> str:
    return f"`/rewind {wanted} files anyway` overwrites them, `/rewind {wanted}` leaves all files alone."


def _listed(points: tuple[RewindPoint, ...]) -> str:
    lines = [f"{number}. {_shown(point)}" for number, point in enumerate(points[:MAX_POINTS], start=1)]
    if len(points) > MAX_POINTS:
        lines.append(f"\nand {len(points) - MAX_POINTS} older ones.")
    heading = "**Your messages**, the last one first\n"
    return "\n".join((heading, *lines, "", _HELP))


def _chosen(typed: str, points: tuple[RewindPoint, ...]) -> RewindPoint | None:
    if re.fullmatch("[0-9]{1,6}", typed):
        return points[int(typed) - 1] if 1 <= int(typed) <= len(points) else None
    return next((point for point in points if point.message_id == typed), None)


def _shown(point: RewindPoint) -> str:
    words = code(point.words) if point.words else "a message without text"
    return f"{words} ({point.at:%Y-%m-%d %H:%M} UTC)" if point.at else words
