"""Whether a prompt is planned before it is answered; what that takes is loaded only if it is."""

from __future__ import annotations

import re

from acp_agent.engine.titles import typed_words
from acp_agent.engine.turns.answering import AnswerContext, answer_prompt
from acp_agent.model import events
from acp_agent.model.content import Text
from acp_agent.model.planning import Planning
from acp_agent.model.session import StopReason

SEVERAL = 3
"""Items of a list that make a prompt one of several tasks."""

LONG = 1_500
"""Characters typed that make a prompt a long one."""

MAX_TYPED = 200_000
"""Characters of a prompt that is looked at."""

_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)]|\[[ xX]?\])[ \t]+\S", re.MULTILINE)


async def answer_planned(said: events.UserSaid, context: AnswerContext, planning: Planning) -> StopReason:
    """Let the model work on what the user said, by a plan if it is to have one.

    Raises:
        ProviderError: the model could not answer; what it said before is in the journal.
    """
    if not _is_considered(said, planning):
        return await answer_prompt(said, context)
    from acp_agent.engine.planning.run import answer_considered  # lazy: few prompts are planned

    return await answer_considered(said, context, planning)


def may_need_plan(text: str) -> bool:
    """Whether a prompt looks like several tasks: by a list of them, or by its length. No model is asked.

    One that nobody can have typed does not: most of it was pasted, and planning would send it twice.
    """
    return len(text) <= MAX_TYPED and _looks_like_several(text) and _looks_like_several(typed_words(text))


def _looks_like_several(text: str) -> bool:
    return len(text) >= LONG or len(_ITEM.findall(text)) >= SEVERAL


def _is_considered(said: events.UserSaid, planning: Planning) -> bool:
    if planning.track_goals or planning.mode == "enabled":
        return True
    if planning.mode == "disabled":
        return False
    return may_need_plan("\n".join(part.text for part in said.content if isinstance(part, Text)))
