"""Every event becomes updates that the schema accepts, live and replayed alike."""

from __future__ import annotations

import typing
from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from acp_agent.base.ids import MessageId, ToolCallId, TurnId
from acp_agent.base.jsontext import JsonObject, JsonValue, dump, load
from acp_agent.model import events
from acp_agent.model.content import Audio, Content, Image, Resource, ResourceLink, Text, shown_text
from acp_agent.model.toolcall import Location, ToolCallPatch
from acp_agent.surface.v1.content_projection import content_block
from acp_agent.surface.v1.projector import Projector
from acp_agent.surface.v1.tool_projection import tool_call_fields
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema()
ARMS: tuple[type[events.Event], ...] = typing.get_args(events.Event)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NOW = datetime(2024, 1, 1, tzinfo=UTC)
SEVERITIES: tuple[Literal["info", "warning", "error"], ...] = ("info", "warning", "error")


def values_of(kind: inspect.Type) -> st.SearchStrategy[typing.Any]:
    """Values a field of this type holds in a session."""
    match kind:
        case inspect.AnyType():
            return st.none() | st.integers(-5, 5) | TEXT | st.dictionaries(TEXT, TEXT, max_size=2)
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType():
            return st.integers(0, 2**32 - 1)
        case inspect.FloatType():
            return st.floats(0, 1e6)
        case inspect.StrType():
            return TEXT
        case inspect.DateTimeType():
            return st.just(NOW)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.UnionType():
            return st.one_of([values_of(arm) for arm in kind.types])
        case inspect.VarTupleType():
            return st.lists(values_of(kind.item_type), max_size=3).map(tuple)
        case inspect.DictType():
            return st.dictionaries(TEXT, values_of(kind.value_type), max_size=2)
        case inspect.StructType() if kind.cls is Resource:
            text = st.builds(Resource, TEXT, text=TEXT, mime_type=st.none() | TEXT)
            return text | st.builds(Resource, TEXT, blob=TEXT, mime_type=st.none() | TEXT)
        case inspect.StructType() if kind.cls is events.Noticed:
            severity = st.sampled_from(SEVERITIES)
            return st.builds(events.Noticed, severity, TEXT.filter(bool), TEXT)  # a notice has a title
        case inspect.StructType():
            fields = {
                field.name: values_of(field.type)
                | (st.just(field.default) if field.default is not msgspec.NODEFAULT else st.nothing())
                for field in kind.fields
            }
            return st.builds(kind.cls, **fields)
        case _:
            raise NotImplementedError(kind)


EVENTS: dict[type[events.Event], st.SearchStrategy[events.Event]] = {
    arm: values_of(inspect.type_info(arm)) for arm in ARMS
}
OPTIONS: list[JsonValue] = [
    {
        "id": "mode",
        "name": "Mode",
        "type": "select",
        "currentValue": "a",
        "options": [{"value": "a", "name": "A"}],
    }
]


def projector(*, notices: bool = False, compactions: bool = False, replaying: bool = False) -> Projector:
    made = Projector(lambda: OPTIONS, notices=notices, compactions=compactions)
    made.replaying = replaying
    return made


def wrong_in(update: JsonObject) -> list[str]:
    """What the schema says against this update, as it arrives."""
    arrived = load(dump(update))
    return SCHEMA.violations("SessionUpdate", arrived) + SCHEMA.surplus("SessionUpdate", arrived, nulls=True)


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.__name__)
@given(data=st.data(), notices=st.booleans(), compactions=st.booleans(), replaying=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_event_becomes_valid_updates(
    arm: type[events.Event], data: st.DataObject, *, notices: bool, compactions: bool, replaying: bool
) -> None:
    event = data.draw(EVENTS[arm])
    made = projector(notices=notices, compactions=compactions, replaying=replaying)
    for update in made.project(event):
        assert wrong_in(update) == []


@given(st.lists(EVENTS[events.CallShown] | EVENTS[events.Noticed], max_size=10))
@settings(deadline=None)
def test_a_call_is_introduced_once_with_a_title_and_then_updated(journal: list[events.Event]) -> None:
    made = projector()
    introduced: set[JsonValue] = set()
    for update in (update for event in journal for update in made.project(event)):
        assert wrong_in(update) == []
        if update["sessionUpdate"] == "tool_call":
            assert update["toolCallId"] not in introduced
            assert isinstance(update["title"], str)
            introduced.add(update["toolCallId"])
        elif update["sessionUpdate"] == "tool_call_update":
            assert update["toolCallId"] in introduced


MESSAGES = st.sampled_from(["m", "n"]).map(MessageId)
CHUNKS = st.builds(events.TextChunk, MESSAGES, TEXT) | st.builds(events.ThoughtChunk, MESSAGES, TEXT)
CALLS = st.sampled_from(["a", "b"]).map(ToolCallId)
SHOWN = st.builds(events.CallShown, CALLS, values_of(inspect.type_info(ToolCallPatch)))
JOURNALS: st.SearchStrategy[list[events.Event]] = st.lists(
    st.one_of(CHUNKS, EVENTS[events.PlanChanged], EVENTS[events.ModeChanged], SHOWN), max_size=15
)


def drawn(updates: list[JsonObject]) -> JsonObject:
    """What a client shows after these updates: texts by message, calls by id, the last of the rest."""
    screen: JsonObject = {}
    for update in updates:
        kind = str(update["sessionUpdate"])
        match kind:
            case "agent_message_chunk" | "agent_thought_chunk" | "user_message_chunk":
                key = f"{kind} {update['messageId']}"
                piece = update["content"]
                assert isinstance(piece, dict)
                screen[key] = f"{screen.get(key, '')}{piece.get('text')}"
            case "tool_call" | "tool_call_update":
                key = f"call {update['toolCallId']}"
                before = screen.get(key)
                screen[key] = {**(before if isinstance(before, dict) else {}), **update, "sessionUpdate": ""}
            case _:
                screen[kind] = update
    return screen


@given(JOURNALS)
@settings(deadline=None)
def test_replay_of_what_is_stored_shows_what_was_shown_live(journal: list[events.Event]) -> None:
    stored: list[events.Event] = []
    for event in journal:
        last = stored[-1] if stored else None
        if isinstance(event, events.TextChunk | events.ThoughtChunk) and (
            isinstance(last, events.TextChunk | events.ThoughtChunk)
            and (type(last), last.message_id) == (type(event), event.message_id)
        ):
            stored[-1] = msgspec.structs.replace(last, text=last.text + event.text)
            continue
        stored.append(event)
    live, replay = projector(), projector(replaying=True)
    shown = drawn([update for event in journal for update in live.project(event)])
    assert drawn([update for event in stored for update in replay.project(event)]) == shown


def test_the_users_own_words_are_sent_only_in_a_replay() -> None:
    said = events.UserSaid(MessageId("m"), (Text("a"), Image("AA==", "image/png")))
    assert projector().project(said) == []
    updates = projector(replaying=True).project(said)
    assert [update["sessionUpdate"] for update in updates] == ["user_message_chunk"] * 2
    assert {str(update["messageId"]) for update in updates} == {"m"}


def test_a_call_without_any_name_still_has_a_title() -> None:
    shown = events.CallShown(ToolCallId("c"), ToolCallPatch(status="failed"))
    assert projector().project(shown) == [
        {"sessionUpdate": "tool_call", "toolCallId": "c", "status": "failed", "title": "Tool call"}
    ]
    named = events.CallShown(ToolCallId("c"), ToolCallPatch(name="grep"))
    assert projector().project(named)[0]["title"] == "grep"


def test_a_cancelled_call_is_a_failed_one_in_this_version() -> None:
    assert tool_call_fields(ToolCallPatch(status="cancelled")) == {"status": "failed"}


def test_an_empty_list_empties_and_an_unset_one_leaves() -> None:
    assert tool_call_fields(ToolCallPatch()) == {}
    assert tool_call_fields(ToolCallPatch(content=(), locations=())) == {"content": [], "locations": []}
    assert tool_call_fields(ToolCallPatch(raw_input=None, raw_output=None)) == {}
    assert tool_call_fields(ToolCallPatch(raw_output=0, locations=(Location("/x"),))) == {
        "rawOutput": 0,
        "locations": [{"path": "/x"}],
    }


def test_notices_fall_back_to_text_each_in_a_message_of_its_own() -> None:
    made = projector()
    kinds = [
        (str(update["sessionUpdate"]), str(update["messageId"]))
        for severity in SEVERITIES
        for update in made.project(events.Noticed(severity, "title", "detail"))
    ]
    assert kinds == [
        ("agent_thought_chunk", "notice_1"),
        ("agent_message_chunk", "notice_2"),
        ("agent_message_chunk", "notice_3"),
    ]


def test_a_mode_change_reaches_old_and_new_clients() -> None:
    kinds = [update["sessionUpdate"] for update in projector().project(events.ModeChanged("plan"))]
    assert kinds == ["current_mode_update", "config_option_update"]


def test_what_is_not_for_the_client_sends_nothing() -> None:
    ended = events.TurnEnded(TurnId("t"), "end_turn", NOW)
    answered = events.CallAnswered(ToolCallId("c"), (Text("secret"),), is_error=False)
    for event in (ended, answered, events.CallRequested(ToolCallId("c"), "n", {})):
        assert projector().project(event) == []


@pytest.mark.parametrize(
    "part",
    [
        Text("x"),
        Image("AA==", "image/png"),
        Audio("AA==", "audio/wav"),
        ResourceLink("file:///a", "a"),
        ResourceLink("file:///a", "a", "text/plain", "t", "d", 5),
        Resource("file:///a", text=""),
        Resource("file:///a", blob="AA==", mime_type="x/y"),
    ],
)
def test_every_content_becomes_a_valid_block(part: Content) -> None:
    block = content_block(part)
    assert SCHEMA.violations("ContentBlock", block) == []
    assert SCHEMA.surplus("ContentBlock", block, nulls=True) == []


def test_what_a_tool_call_shows_is_valid() -> None:
    update = projector().project(
        events.CallShown(ToolCallId("c"), ToolCallPatch(content=(shown_text("x"),)))
    )[0]
    assert wrong_in(update) == []
