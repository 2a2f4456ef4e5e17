"""What a turn leaves behind: the task, the tools used for it, and what the model said at its end."""

from __future__ import annotations

from typing import NamedTuple

from acp_agent.base.errors import ProviderError, ProviderFault
from acp_agent.engine.context.transcript import Transcript
from acp_agent.engine.security.redaction import redacted
from acp_agent.model.chat import FromAssistant, FromUser, ToolUse
from acp_agent.model.content import Text

MAX_TASK = 600
MAX_RESULT = 1_500
"""Characters of a task and of its result that are remembered."""

_OF_THE_SERVICE: frozenset[ProviderFault] = frozenset(
    (
        *("unreachable", "timeout", "unauthorized", "not_found"),
        *("rate_limited", "overloaded", "not_configured"),
        *("budget_exhausted", "blocked"),
    )
)


class Experience(NamedTuple):
    """One turn, briefly; `tools` in the order of their first use."""

    task: str
    tools: tuple[str, ...]
    result: str


def experience_of(task: str, transcript: Transcript) -> Experience:
    """The turn that is ending."""
    tools: list[str] = []
    result = ""
    for message in reversed(transcript.messages()):
        if isinstance(message, FromUser):
            break
        if isinstance(message, FromAssistant):
            tools = [*(part.name for part in message.content if isinstance(part, ToolUse)), *tools]
            said = "".join(part.text for part in message.content if isinstance(part, Text)).strip()
            result = result or said
    return Experience(_short(task, MAX_TASK), tuple(dict.fromkeys(tools)), _short(result, MAX_RESULT))


def is_about_the_service(error: ProviderError) -> bool:
    """Whether a failure says nothing about the task: nobody could or was allowed to be asked."""
    return error.fault in _OF_THE_SERVICE


def _short(text: str, limit: int) -> str:
    text = redacted(text)  # before it is cut: half a secret is not recognized as one
    return text if len(text) <= limit else f"{text[:limit]}…"
