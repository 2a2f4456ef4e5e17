"""Questions nobody hears."""

from __future__ import annotations

from acp_agent.model.question import NOBODY_TO_ASK, Answer, Question


async def ask_nobody(question: Question) -> Answer:
    """The answer where there is nobody to ask."""
    return NOBODY_TO_ASK
