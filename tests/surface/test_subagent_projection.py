"""Subagents are sessions of their own for clients that know them, and progress of a call for all others."""

from __future__ import annotations

import pytest

from acp_agent.base.ids import MessageId, SessionId, ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import events
from acp_agent.model.subagent import SubagentState
from acp_agent.model.toolcall import PlanEntry, ToolCallPatch
from acp_agent.surface.handshake import initialize
from acp_agent.surface.v1.nested_progress import MAX_CALLS, MAX_TEXT
from acp_agent.surface.v1.projector import Projector
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema(unstable=True)
PARENT, CHILD = SessionId("parent"), SessionId("child")
TASK, INNER = ToolCallId("task"), ToolCallId("inner")
STARTED = events.SubagentStarted(CHILD, TASK, "explore", "Find it", "Find the needle.")
CALLED = events.CallShown(INNER, ToolCallPatch(name="read", title="Read `a`", kind="read", status="pending"))
READ = events.CallShown(INNER, ToolCallPatch(status="completed"))


def no_options() -> list[JsonValue]:
    return []


def projector(*, exposed: bool) -> Projector:
    made = Projector(no_options, notices=False, subagents_of=PARENT if exposed else None)
    made.project(events.CallShown(TASK, ToolCallPatch(name="task", title="task", status="in_progress")))
    return made


def told(made: Projector, *history: events.Event) -> list[tuple[str, JsonObject]]:
    updates = [(whose or PARENT, update) for event in history for whose, update in made.addressed(event)]
    for _, update in updates:
        assert SCHEMA.violations("SessionUpdate", update) == []
        assert SCHEMA.surplus("SessionUpdate", update, nulls=True) == []
    return [(str(whose), update) for whose, update in updates]


def said(
    event: events.TextChunk | events.ThoughtChunk | events.CallShown | events.PlanChanged,
) -> events.Event:
    return events.SubagentSaid(CHILD, event)


def text(words: str, message: str = "m") -> events.TextChunk:
    return events.TextChunk(MessageId(message), words)


def ended(state: SubagentState = "completed") -> events.Event:
    return events.SubagentChanged(CHILD, state)


def test_a_subagent_is_announced_before_anything_bears_its_id() -> None:
    kinds = [(whose, update["sessionUpdate"]) for whose, update in told(projector(exposed=True), STARTED)]
    assert kinds == [
        ("parent", "subagent_update"),
        ("child", "session_message"),
        ("child", "session_message_chunk"),
        ("parent", "subagent_update"),
    ]
    (_, announced), (_, message), (_, chunk), (_, running) = told(projector(exposed=True), STARTED)
    assert announced == {
        "sessionUpdate": "subagent_update",
        "sessionId": "child",
        "title": "explore: Find it",
        "description": "Find it",
        "capabilities": {"cancel": {}},
        "_meta": {"parentToolCallId": "task"},
    }
    assert (message["senderSessionId"], message["recipientSessionId"]) == ("parent", "child")
    assert chunk["messageId"] == message["messageId"]
    assert chunk["content"] == {"type": "text", "text": "Find the needle."}
    assert running["state"] == {"state": "running"}


def test_what_it_does_is_its_own() -> None:
    made = projector(exposed=True)
    told(made, STARTED)
    work = told(
        made, said(CALLED), said(READ), said(text("Here.")), said(events.PlanChanged((PlanEntry("x"),)))
    )
    assert [(whose, update["sessionUpdate"]) for whose, update in work] == [
        ("child", "tool_call"),
        ("child", "tool_call_update"),
        ("child", "agent_message_chunk"),
        ("child", "plan"),
    ]


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        (events.SubagentChanged(CHILD, "waiting", call_id=INNER), {"state": "requires_action"}),
        (events.SubagentChanged(CHILD, "running"), {"state": "running"}),
        (events.SubagentChanged(CHILD, "completed"), {"state": "idle", "stopReason": "end_turn"}),
        (events.SubagentChanged(CHILD, "cancelled"), {"state": "idle", "stopReason": "cancelled"}),
        (events.SubagentChanged(CHILD, "failed"), {"state": "idle", "stopReason": "error"}),
        (
            events.SubagentChanged(CHILD, "failed", stop_reason="max_turn_requests"),
            {"state": "idle", "stopReason": "max_turn_requests"},
        ),
        (events.SubagentChanged(CHILD, "interrupted"), {"state": "idle"}),
    ],
)
def test_its_state_is_told_to_its_session(changed: events.Event, state: JsonObject) -> None:
    made = projector(exposed=True)
    told(made, STARTED)
    assert told(made, changed) == [
        ("parent", {"sessionUpdate": "subagent_update", "sessionId": "child", "state": state})
    ]


@pytest.mark.parametrize("exposed", [True, False])
def test_no_call_stays_open_behind_its_end(*, exposed: bool) -> None:
    made = projector(exposed=exposed)
    waiting = events.SubagentChanged(CHILD, "waiting", call_id=INNER)
    updates = told(made, STARTED, said(CALLED), waiting, ended("interrupted"))
    statuses = [
        update["status"]
        for _, update in updates
        if update.get("toolCallId") == "inner" and "status" in update
    ]
    assert statuses == ["pending", "failed"]
    if exposed:
        assert updates[-1][1]["sessionUpdate"] == "subagent_update"


def test_for_other_clients_it_is_progress_of_the_call() -> None:
    made = projector(exposed=False)
    updates = told(
        made, STARTED, said(CALLED), said(READ), said(text("It is in ")), said(text("a.")), ended()
    )
    assert {whose for whose, _ in updates} == {"parent"}
    assert {(update["sessionUpdate"], update["toolCallId"]) for _, update in updates} == {
        ("tool_call_update", "task")
    }
    shown = [update["content"] for _, update in updates]
    assert shown[0] == [{"type": "content", "content": {"type": "text", "text": "- … Read `a`"}}]
    assert shown[-1] == [
        {"type": "content", "content": {"type": "text", "text": "- ✓ Read `a`\n\nIt is in a."}}
    ]


def test_progress_stays_short_however_long_the_work() -> None:
    made = projector(exposed=False)
    told(made, STARTED)
    for number in range(50):
        patch = ToolCallPatch(title=f"Call {number}", status="completed")
        told(made, said(events.CallShown(ToolCallId(f"c{number}"), patch)))
    (_, update) = told(made, said(text("x" * 10_000)))[-1]
    lines = str(update["content"]).split("\\n")
    assert f"({50 - MAX_CALLS} calls before)" in lines[0]
    assert len(str(update["content"])) < MAX_TEXT + 50 * MAX_CALLS
    assert told(made, said(events.ThoughtChunk(MessageId("t"), "hm"))) == []


def test_a_call_the_user_is_asked_about_is_shown_as_one_of_the_session() -> None:
    made = projector(exposed=False)
    told(made, STARTED, said(CALLED))
    ((_, asked),) = told(made, events.SubagentChanged(CHILD, "waiting", call_id=INNER))
    assert (asked["sessionUpdate"], asked["toolCallId"], asked["title"]) == ("tool_call", "inner", "Read `a`")
    updates = told(made, events.SubagentChanged(CHILD, "running"), said(READ), ended())
    assert [update["status"] for _, update in updates if update["toolCallId"] == "inner"] == ["completed"]


@pytest.mark.parametrize("exposed", [True, False])
def test_what_comes_behind_its_end_is_dropped(*, exposed: bool) -> None:
    made = projector(exposed=exposed)
    told(made, STARTED, ended())
    assert told(made, said(text("late"))) == []


@pytest.mark.parametrize("exposed", [True, False])
def test_nothing_is_told_of_one_that_was_not_announced(*, exposed: bool) -> None:
    made = projector(exposed=exposed)
    waiting = events.SubagentChanged(CHILD, "waiting", call_id=INNER)
    assert told(made, said(CALLED), waiting, ended("cancelled")) == []


@pytest.mark.parametrize(("given", "known"), [({}, True), (None, False), ("yes", False)])
def test_subagents_are_sessions_only_for_clients_that_say_so(given: JsonValue, known: object) -> None:
    _, offer = initialize({"protocolVersion": 1, "clientCapabilities": {"subagents": given}})
    assert offer.subagents is known
