"""Commands that stand for a text: what the model is given in place of what the user typed."""

from __future__ import annotations

import re

from acp_agent.base.errors import CommandRefused
from acp_agent.base.ids import MessageId
from acp_agent.engine.commands.prompts import expand_prompt, words_of
from acp_agent.engine.commands.slash import PromptCommand
from acp_agent.engine.context.transcript import for_model
from acp_agent.engine.turns.answering import AnswerContext, answer_prompt
from acp_agent.model import events
from acp_agent.model.command import TextCommand
from acp_agent.model.content import Content, ResourceLink, Text
from acp_agent.model.session import StopReason

_BLANK = re.compile(r"\$(?:(ARGUMENTS)\b|([1-9])(?!\d))")


async def answer_expanded(
    said: events.UserSaid,
    command: TextCommand | PromptCommand,
    typed: str,
    context: AnswerContext,
    *,
    index: int,
) -> StopReason:
    """Let the model answer what the command in part `index` of the prompt stands for.

    The user's own words stay in the journal as they were typed. A command that cannot be expanded is answered
    with the reason, which the model learns with the next prompt.
    """
    try:
        if isinstance(command, TextCommand):
            content: tuple[Content, ...] = (Text(fill_in(command, typed)),)
        else:
            content = await expand_prompt(command, typed)
    except CommandRefused as exc:
        why = f"`/{command.info.name}`: {exc}"
        await context.journal.record(
            events.Attached(said.message_id, index, (Text(f"[not carried out: {why}]"),)),
            events.CommandAnswered(MessageId(context.new_id("msg")), why),
        )
        return "end_turn"
    await context.journal.record(*await _attached(said, index, content, context))
    return await answer_prompt(said, context)


def fill_in(command: TextCommand, typed: str) -> str:
    """The command's text with what the user typed in its blanks; behind it, if there are none."""
    words = words_of(typed)
    n_blanks = 0

    def value(match: re.Match[str]) -> str:
        nonlocal n_blanks
        n_blanks += 1
        position = int(match[2]) - 1 if match[2] else 0
        return typed if match[1] else words[position] if position < len(words) else ""

    filled = _BLANK.sub(value, command.text).strip()
    parts = [filled, "" if n_blanks else typed, command.note]
    return "\n\n".join(part for part in parts if part)


async def _attached(
    said: events.UserSaid, index: int, content: tuple[Content, ...], context: AnswerContext
) -> list[events.Event]:
    """The events that put `content` in the place of part `index`.

    Links are only named: the user has not asked for the files that somebody else's prompt points at.
    """
    from acp_agent.engine.attachments.attaching import attach  # lazy: most prompts are words alone

    parts = tuple(for_model(part) if isinstance(part, ResourceLink) else part for part in content)
    _, model = context.choose_model()
    found = await attach(events.UserSaid(said.message_id, parts), workspace=context.workspace, model=model)
    better = {event.index: event.content for event in found if isinstance(event, events.Attached)}
    given = [piece for at, part in enumerate(parts) for piece in better.get(at, (for_model(part),))]
    others = [event for event in found if not isinstance(event, events.Attached)]
    return [events.Attached(said.message_id, index, tuple(given)), *others]
