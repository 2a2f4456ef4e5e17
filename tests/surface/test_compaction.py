"""Compactions reach clients that draw them as such, and all others as a line of text."""

from __future__ import annotations

import pytest

from acp_agent.base.ids import CompactionId
from acp_agent.base.jsontext import JsonObject
from acp_agent.model import events
from acp_agent.surface.handshake import initialize
from acp_agent.surface.v1.projector import Projector

ID = CompactionId("cmp_1")
COMPLETED: list[events.Event] = [
    events.CompactionStarted(ID, "auto"),
    events.SummaryChunk(ID, "all "),
    events.SummaryChunk(ID, "is well"),
    events.CompactionEnded(
        ID,
        "completed",
        summary="all is well",
        context="secret framing",
        tokens_before=9_000,
        tokens_after=800,
    ),
]
FAILED: list[events.Event] = [
    events.CompactionStarted(ID, "manual"),
    events.SummaryChunk(ID, "all "),
    events.CompactionEnded(ID, "failed", error="the model is down"),
]


def shown(journal: list[events.Event], *, compactions: bool, notices: bool = False) -> list[JsonObject]:
    made = Projector(list, notices=notices, compactions=compactions)
    return [update for event in journal for update in made.project(event)]


def test_a_client_that_draws_compactions_gets_one_entity_from_begin_to_end() -> None:
    assert shown(COMPLETED, compactions=True) == [
        {"sessionUpdate": "compaction_update", "compactionId": ID, "status": "in_progress"},
        {
            "sessionUpdate": "compaction_summary_chunk",
            "compactionId": ID,
            "content": {"type": "text", "text": "all "},
        },
        {
            "sessionUpdate": "compaction_summary_chunk",
            "compactionId": ID,
            "content": {"type": "text", "text": "is well"},
        },
        {
            "sessionUpdate": "compaction_update",
            "compactionId": ID,
            "status": "completed",
            "summary": [{"type": "text", "text": "all is well"}],
        },
    ]


def test_one_that_failed_has_an_error_and_no_summary() -> None:
    assert shown(FAILED, compactions=True)[-1] == {
        "sessionUpdate": "compaction_update",
        "compactionId": ID,
        "status": "failed",
        "summary": [],
        "error": "the model is down",
    }


@pytest.mark.parametrize("journal", [COMPLETED, FAILED], ids=["completed", "failed"])
@pytest.mark.parametrize("notices", [False, True])
def test_a_client_that_does_not_is_told_in_its_own_way_and_no_summary(
    journal: list[events.Event], *, notices: bool
) -> None:
    updates = shown(journal, compactions=False, notices=notices)
    assert len(updates) == 2
    assert not any("compact" in str(update["sessionUpdate"]) for update in updates)
    assert "all is well" not in str(updates)
    assert {str(update["sessionUpdate"]) == "notice" for update in updates} == {notices}


def test_what_the_model_is_told_is_never_shown() -> None:
    for compactions in (False, True):
        assert "secret framing" not in str(shown(COMPLETED, compactions=compactions))


@pytest.mark.parametrize(
    ("session", "offered"),
    [({"compaction": {}}, True), ({"compaction": None}, False), ({"compaction": True}, False), ({}, False)],
)
def test_only_an_object_offers_compactions(session: JsonObject, *, offered: bool) -> None:
    _, offer = initialize({"protocolVersion": 1, "clientCapabilities": {"session": session}})
    assert offer.compactions is offered
