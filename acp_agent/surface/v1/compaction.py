"""Compactions on the wire: an entity of their own for clients that draw them, notices for all others."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events

CompactionEvent: TypeAlias = events.CompactionStarted | events.SummaryChunk | events.CompactionEnded


def compaction_update(event: CompactionEvent) -> JsonObject:
    """The update for a client that offered `session.compaction`."""
    match event:
        case events.CompactionStarted(compaction_id):
            return _update(compaction_id, "in_progress")
        case events.SummaryChunk(compaction_id, text):
            return {
                "sessionUpdate": "compaction_summary_chunk",
                "compactionId": compaction_id,
                "content": {"type": "text", "text": text},
            }
        case events.CompactionEnded(compaction_id, status, summary, error=error):
            update = _update(compaction_id, status)
            if status == "completed":
                update["summary"] = [{"type": "text", "text": summary}]
                return update
            update["summary"] = []  # only what was completed has one
            if status == "failed":
                update["error"] = error
            return update
        case _:
            assert_never(event)


def compaction_notice(event: CompactionEvent) -> events.Noticed | None:
    """What a client without compactions is told; the summary itself is not for it."""
    match event:
        case events.CompactionStarted(trigger=trigger):
            why = "" if trigger == "manual" else " to make room"
            return events.Noticed("info", f"Summarizing the conversation{why}")
        case events.SummaryChunk():
            return None
        case events.CompactionEnded(status="completed", tokens_before=before, tokens_after=after):
            return events.Noticed(
                "info",
                "The conversation was summarized",
                f"What the model is told shrank from about {before:,} to about {after:,} tokens.",
            )
        case events.CompactionEnded(status="failed", error=error):
            return events.Noticed("warning", "The conversation could not be summarized", error)
        case events.CompactionEnded():
            return events.Noticed("info", "The conversation was not summarized", "That was cancelled.")
        case _:
            assert_never(event)


def _update(compaction_id: str, status: str) -> JsonObject:
    return {"sessionUpdate": "compaction_update", "compactionId": compaction_id, "status": status}
