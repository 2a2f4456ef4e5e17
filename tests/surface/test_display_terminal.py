"""A client that draws terminals sees what our own commands print; every other client gets text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import ToolCallId
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import events
from acp_agent.model.content import Printed, shown_text
from acp_agent.model.toolcall import ToolCallPatch, ToolStatus
from acp_agent.surface.handshake import initialize
from acp_agent.surface.v1.display_terminal import REWRITE_LINE, appended
from acp_agent.surface.v1.projector import Projector
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema()
CALL = ToolCallId("c")
TERMINAL: JsonObject = {"type": "terminal", "terminalId": "output_c"}


def no_options() -> list[JsonValue]:
    return []


def shown(*patches: ToolCallPatch, terminals_in: str | None = "/w") -> list[JsonObject]:
    made = Projector(no_options, notices=False, terminals_in=terminals_in)
    updates = [update for patch in patches for update in made.project(events.CallShown(CALL, patch))]
    for update in updates:
        assert SCHEMA.violations("SessionUpdate", update) == []
        assert update.pop("toolCallId") == "c"
    return updates


def printed(text: str) -> ToolCallPatch:
    return ToolCallPatch(content=(Printed(text),))


NAMED = ToolCallPatch(name="bash", title="bash", kind="execute", status="pending")
ENDED = ToolCallPatch(
    status="failed", content=(Printed("one\ntwo\n(exit code 3)", 3),), raw_output={"exit_code": 3}
)


def test_a_command_is_drawn_as_a_terminal_made_with_the_call() -> None:
    started, first, second, ended = shown(NAMED, printed("one\n"), printed("one\ntwo\n"), ENDED)
    assert started == {
        "sessionUpdate": "tool_call",
        "name": "bash",
        "title": "bash",
        "kind": "execute",
        "status": "pending",
        "_meta": {"terminal_info": {"terminal_id": "output_c", "cwd": "/w"}},
    }
    assert first == {
        "sessionUpdate": "tool_call_update",
        "content": [TERMINAL],
        "_meta": {"terminal_output": {"terminal_id": "output_c", "data": "one\n"}},
    }
    assert second == {
        "sessionUpdate": "tool_call_update",
        "_meta": {"terminal_output": {"terminal_id": "output_c", "data": "two\n"}},
    }
    assert ended == {
        "sessionUpdate": "tool_call_update",
        "status": "failed",
        "rawOutput": {"exit_code": 3},
        "_meta": {
            "terminal_output": {"terminal_id": "output_c", "data": "(exit code 3)"},
            "terminal_exit": {"terminal_id": "output_c", "exit_code": 3, "signal": None},
        },
    }


def test_a_replayed_command_is_drawn_from_one_event() -> None:
    started, update = shown(
        ToolCallPatch(name="bash", kind="execute", status="completed", content=(Printed("x", 0),))
    )
    assert started["_meta"] == {"terminal_info": {"terminal_id": "output_c", "cwd": "/w"}}
    assert "content" not in started
    assert update["content"] == [TERMINAL]
    assert update["_meta"] == {
        "terminal_output": {"terminal_id": "output_c", "data": "x"},
        "terminal_exit": {"terminal_id": "output_c", "exit_code": 0, "signal": None},
    }


STATUSES: tuple[ToolStatus, ...] = ("cancelled", "failed", "completed")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("before", [(), (printed("half"),)])
def test_a_command_that_ends_without_a_word_leaves_no_open_terminal(
    before: tuple[ToolCallPatch, ...], status: ToolStatus
) -> None:
    ended = shown(NAMED, *before, ToolCallPatch(status=status))[-1]
    assert ended["_meta"] == {"terminal_exit": {"terminal_id": "output_c", "exit_code": None, "signal": None}}


def test_calls_that_print_nothing_get_no_terminal() -> None:
    updates = shown(
        ToolCallPatch(name="read", kind="read", status="pending"),
        ToolCallPatch(status="completed", content=(shown_text("text"),)),
    )
    assert not any("_meta" in update for update in updates)


def test_other_clients_get_text_in_a_block_that_output_cannot_close() -> None:
    updates = shown(NAMED, printed("```\n# not a heading\n"), ENDED, terminals_in=None)
    assert not any("_meta" in update for update in updates)
    assert updates[1]["content"] == [
        {"type": "content", "content": {"type": "text", "text": "````\n```\n# not a heading\n````"}}
    ]


@pytest.mark.parametrize(
    ("before", "now", "data"),
    [
        ("", "a", "a"),
        ("a", "a", ""),
        ("a\n", "a\nb", "b"),
        ("a\n10%", "a\n20%\nb", f"{REWRITE_LINE}20%\nb"),
        ("10%", "20%", f"{REWRITE_LINE}20%"),
        ("1\n2\n3\n", "2\n3\n4\n", "\n…\n2\n3\n4\n"),
        ("x" * 100 + "1\n2\n" + "y" * 200, "2\n" + "y" * 200 + "z", "z"),
        ("a\nb\n", "totally\nnew", "\n…\ntotally\nnew"),
    ],
)
def test_what_is_new_is_appended(before: str, now: str, data: str) -> None:
    assert appended(before, now) == data


@given(st.lists(st.text("ab\n", max_size=5), max_size=8))
def test_growing_output_is_sent_once(pieces: list[str]) -> None:
    updates = shown(NAMED, *(printed("".join(pieces[: n + 1])) for n in range(len(pieces))))
    sent = ""
    for update in updates:
        meta = update.get("_meta")
        output = meta.get("terminal_output") if isinstance(meta, dict) else None
        if isinstance(output, dict):
            sent += str(output["data"])
    assert sent == "".join(pieces)


@pytest.mark.parametrize(
    ("meta", "drawn"), [({"terminal_output": True}, True), ({"terminal_output": "yes"}, False), (None, False)]
)
def test_terminals_are_drawn_only_by_clients_that_say_so(meta: JsonValue, drawn: object) -> None:
    _, offer = initialize({"protocolVersion": 1, "clientCapabilities": {"_meta": meta}})
    assert offer.drawn_terminals is drawn
