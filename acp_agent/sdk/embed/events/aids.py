"""What aids tell, as events of a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from acp_agent.base.jsontext import JsonObject, dump, load
from acp_agent.engine.verification.status import summary_text
from acp_agent.model.context import AidNews, MemoryRecalled
from acp_agent.model.verification import Verified
from acp_agent.sdk.embed.events.agent_event import AgentEvent


def told_of(news: AidNews) -> Iterator[AgentEvent]:
    """The event about it; the fields that its kind has are in `data`."""
    if isinstance(news, Verified):
        report = cast("JsonObject", load(dump(news.report)))
        yield AgentEvent(
            "verification_report", verification_summary_text=summary_text((news.report,)), data=report
        )
        return
    fields = cast("JsonObject", load(dump(news)))
    kind = str(fields.pop("type"))
    text = news.content if isinstance(news, MemoryRecalled) else None
    yield AgentEvent(kind, text=text, data=fields)
