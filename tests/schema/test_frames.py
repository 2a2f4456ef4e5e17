"""The frame validator accepts a faithful conversation and names the defect in each mutant."""

import json
from collections.abc import Mapping

import pytest

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.testing.frames import FrameValidator, Sender
from acp_agent.testing.wire_schema import WireSchema

INITIALIZE: JsonObject = {
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": 1, "clientCapabilities": {"fs": {"readTextFile": True}}},
}
NEW: JsonObject = {"id": 1, "method": "session/new", "params": {"cwd": "/w", "mcpServers": []}}
PROMPT: JsonObject = {
    "id": 2,
    "method": "session/prompt",
    "params": {"sessionId": "s", "prompt": [{"type": "text", "text": "hi"}]},
}
READ: JsonObject = {
    "id": 0,
    "method": "fs/read_text_file",
    "params": {"sessionId": "s", "path": "/w/a", "limit": 3},
}


def line(frame: Mapping[str, JsonValue]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n"


def update(content: JsonObject) -> bytes:
    return line({"method": "session/update", "params": {"sessionId": "s", "update": content}})


def chunk(**content: JsonValue) -> bytes:
    return update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", **content}})


@pytest.fixture
def frames() -> FrameValidator:
    return FrameValidator()


def only(problems: list[str]) -> str:
    assert len(problems) == 1, problems
    return problems[0]


def test_faithful_conversation_has_no_problems(frames: FrameValidator):
    conversation: list[tuple[Sender, bytes]] = [
        ("client", line(INITIALIZE)),
        (
            "agent",
            line({"id": 0, "result": {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}}),
        ),
        ("client", line(NEW)),
        ("agent", line({"id": 1, "result": {"sessionId": "s"}})),
        ("client", line(PROMPT)),
        ("agent", chunk(text="reading", _meta={"any": None})),
        (
            "agent",
            update(
                {
                    "sessionUpdate": "tool_call",
                    "toolCallId": "c",
                    "title": "Read a",
                    "kind": "read",
                    "status": "in_progress",
                    "locations": [{"path": "/w/a", "line": 1}],
                    "rawInput": {"path": "a", "limit": None},
                }
            ),
        ),
        ("agent", line(READ)),
        ("client", line({"id": 0, "result": {"content": "x"}})),
        ("agent", update({"sessionUpdate": "session_info_update", "title": None})),
        ("client", line({"method": "session/cancel", "params": {"sessionId": "s"}})),
        ("agent", line({"method": "_acme/progress", "params": {"percent": 3}})),
        ("agent", line({"id": 2, "result": {"stopReason": "cancelled"}})),
    ]
    for sender, raw in conversation:
        assert frames.feed(sender, raw) == []
    assert frames.problems == []
    assert frames.unanswered("client") == frames.unanswered("agent") == []


def test_problems_accumulate_with_sender_and_frame_number(frames: FrameValidator):
    frames.feed("client", line(NEW))
    frames.feed("agent", b"{}")
    assert all(problem.startswith("agent frame 2: ") for problem in frames.problems)
    assert frames.problems


def test_unanswered_requests_are_listed(frames: FrameValidator):
    frames.feed("client", line(NEW))
    frames.feed("agent", line(READ))
    assert frames.unanswered("client") == ["session/new (1)"]
    assert frames.unanswered("agent") == ["fs/read_text_file (0)"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"jsonrpc":"2.0",\n"method":"_x"}', "line break inside the frame"),
        (b'{"jsonrpc":"2.0","method":"_x"}\r\n', "line break inside the frame"),
        (b'{"jsonrpc":"2.0","method":"_x"}{}', "not JSON"),
        (b'{"jsonrpc":"2.0","method":"_x","params":{"n":NaN}}', "not JSON"),
        (b'{"jsonrpc":"2.0","method":"_\xff"}', "not JSON"),
        (b"", "not JSON"),
        (b"starting up", "not JSON"),
        (b'[{"jsonrpc":"2.0","method":"_x"}]', "not an object but list"),
        (b'{"method":"_x"}', '`jsonrpc` is not "2.0"'),
        (b'{"jsonrpc":2.0,"method":"_x"}', '`jsonrpc` is not "2.0"'),
        (b'{"jsonrpc":"2.0","method":"_x","extra":1}', "`extra` does not belong in a notification"),
        (b'{"jsonrpc":"2.0","method":"_x","id":1,"result":{}}', "`result` does not belong in a request"),
        (b'{"jsonrpc":"2.0","method":7}', "`method` is not a string"),
        (b'{"jsonrpc":"2.0","method":"_x","params":7}', "`params` is not structured"),
        (b'{"jsonrpc":"2.0"}', "neither `method` nor `id`"),
    ],
)
def test_defective_envelope_is_named(frames: FrameValidator, raw: bytes, expected: str):
    assert expected in only(frames.feed("agent", raw))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({**READ, "id": None}, "request id is null"),
        ({**READ, "id": 1.5}, "id: "),
        ({**READ, "method": "fs/read"}, "unknown method `fs/read`"),
        ({**READ, "method": "session/new"}, "`session/new` is not for the agent to send"),
        ({**READ, "method": "session/update"}, "`session/update` is a notification, not a request"),
        (
            {**READ, "params": {"path": "/w/a"}},
            "fs/read_text_file: ReadTextFileRequest: 'sessionId' is a required",
        ),
        ({"id": 0, "method": "fs/read_text_file"}, "is a required"),
        ({**READ, "params": {"sessionId": "s", "path": 1}}, "path: 1 is not of type 'string'"),
        (
            {**READ, "params": {"sessionId": "s", "path": "a", "line": -1}},
            "line: -1 is less than the minimum",
        ),
        (
            {**READ, "params": {"sessionId": "s", "path": "a", "line": None}},
            "line: null in an optional field",
        ),
        ({**READ, "params": {"sessionId": "s", "path": "a", "lines": 1}}, "lines: unknown key"),
    ],
)
def test_defective_request_is_named(frames: FrameValidator, frame: JsonObject, expected: str):
    assert expected in frames.feed("agent", line(frame))[0]


def test_id_in_use_is_named_but_text_and_number_are_different_ids(frames: FrameValidator):
    frames.feed("client", line({**NEW, "id": 1}))
    assert frames.feed("client", line({**NEW, "id": "1"})) == []
    assert "id `1` is already in use by `session/new`" in only(
        frames.feed("client", line({**PROMPT, "id": 1}))
    )


def test_ids_of_the_two_sides_are_independent(frames: FrameValidator):
    frames.feed("client", line({**PROMPT, "id": 0}))
    assert frames.feed("agent", line({**READ, "id": 0})) == []
    assert frames.feed("client", line({"id": 0, "result": {"content": ""}})) == []
    assert frames.feed("agent", line({"id": 0, "result": {"stopReason": "end_turn"}})) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"id": 2}, "either `result` or `error`"),
        ({"id": 2, "result": {}, "error": {"code": 1, "message": ""}}, "either `result` or `error`"),
        (
            {"id": "2", "result": {"stopReason": "end_turn"}},
            'response to id `"2"`, which no open request has',
        ),
        ({"id": 2, "result": None}, "session/prompt result: PromptResponse: None is not of type 'object'"),
        ({"id": 2, "result": {"stopReason": "done"}}, 'stopReason: `"done"` is none of the'),
        ({"id": 2, "result": {"sessionId": "s"}}, "'stopReason' is a required property"),
        ({"id": 2, "result": {"stopReason": "end_turn", "tokens": 1}}, "tokens: unknown key"),
        ({"id": 2, "error": {"message": "no"}}, "error: Error: 'code' is a required property"),
        ({"id": 2, "error": {"code": "x", "message": "no"}}, "error: code: "),
        ({"id": 2, "error": {"code": 1, "message": "no", "data": None}}, "data: null in an optional field"),
        ({"id": 2, "error": "no"}, "error: Error: 'no' is not of type 'object'"),
    ],
)
def test_defective_response_is_named(frames: FrameValidator, answer: JsonObject, expected: str):
    frames.feed("client", line(PROMPT))
    assert expected in frames.feed("agent", line(answer))[0]


def test_second_response_to_one_request_is_named(frames: FrameValidator):
    frames.feed("client", line(PROMPT))
    answer = line({"id": 2, "result": {"stopReason": "end_turn"}})
    assert frames.feed("agent", answer) == []
    assert "no open request" in only(frames.feed("agent", answer))


def test_result_is_judged_by_the_method_it_answers(frames: FrameValidator):
    frames.feed("client", line({**NEW, "id": 5}))
    frames.feed("client", line({**PROMPT, "id": 6}))
    assert frames.feed("agent", line({"id": 6, "result": {"stopReason": "end_turn"}})) == []
    assert (
        "session/new result" in frames.feed("agent", line({"id": 5, "result": {"stopReason": "end_turn"}}))[0]
    )


def test_error_without_id_is_accepted_only_for_unreadable_requests(frames: FrameValidator):
    assert frames.feed("agent", line({"id": None, "error": {"code": -32700, "message": "parse error"}})) == []
    refused = frames.feed("agent", line({"id": None, "error": {"code": -32603, "message": "internal"}}))
    assert "no open request" in only(refused)


def test_result_for_an_unknown_method_is_named(frames: FrameValidator):
    frames.feed("client", line({"id": 9, "method": "session/fly", "params": {}}))
    assert "a result for the unknown method `session/fly`" in only(
        frames.feed("agent", line({"id": 9, "result": {}}))
    )


def test_extension_result_may_be_anything(frames: FrameValidator):
    frames.feed("client", line({"id": 9, "method": "_acme/list"}))
    assert frames.feed("agent", line({"id": 9, "result": [1, None]})) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"sessionUpdate": "telepathy", "content": {}}, "update: `{"),
        ({"content": {"type": "text", "text": "x"}}, "update: `{"),
        ({"sessionUpdate": "agent_message_chunk"}, "update: 'content' is a required property"),
        (
            {"sessionUpdate": "agent_message_chunk", "content": {"type": "text"}},
            "update.content: 'text' is a required property",
        ),
        (
            {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "t", "kind": "magic"},
            'update.kind: `"magic"` is none of the',
        ),
        (
            {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "t", "status": None},
            "update.status: ",
        ),
        (
            {
                "sessionUpdate": "tool_call_update",
                "toolCallId": "c",
                "content": [{"type": "diff", "path": "/a", "newText": "", "old_text": ""}],
            },
            "update.content[0].old_text: unknown key",
        ),
        (
            {"sessionUpdate": "tool_call_update", "toolCallId": "c", "rawOutput": None},
            "update.rawOutput: null in an optional field",
        ),
        (
            {"sessionUpdate": "tool_call_update", "toolCallId": "c", "title": None},
            "update.title: null in an optional field",
        ),
        (
            {"sessionUpdate": "plan", "entries": [{"content": "x", "priority": "high"}]},
            "update.entries[0]: 'status' is a required property",
        ),
        ({"sessionUpdate": "current_mode_update", "modeId": "m"}, "'currentModeId' is a required property"),
    ],
)
def test_defective_update_is_named(frames: FrameValidator, content: JsonObject, expected: str):
    assert expected in frames.feed("agent", update(content))[0]


def test_lenient_validator_passes_over_unknown_keys_and_nulls():
    frames = FrameValidator(strict=False)
    assert frames.feed("agent", chunk(text="x", color="red", annotations=None)) == []
    assert frames.feed("agent", chunk(color="red")) != []


def test_nulls_of_clients_are_their_own_business(frames: FrameValidator):
    request: JsonObject = {**INITIALIZE, "params": {"protocolVersion": 1, "clientInfo": None}}
    assert frames.feed("client", line(request)) == []


def test_both_sides_may_cancel_requests(frames: FrameValidator):
    cancel = line({"method": "$/cancel_request", "params": {"requestId": 4}})
    assert frames.feed("agent", cancel) == frames.feed("client", cancel) == []
    assert "'requestId' is a required" in only(frames.feed("agent", line({"method": "$/cancel_request"})))


def test_values_of_maps_are_judged_like_fields(frames: FrameValidator):
    def form(field: JsonObject) -> bytes:
        schema: JsonObject = {"type": "object", "properties": {"name": field}}
        content: JsonObject = {"mode": "form", "sessionId": "s", "message": "who?", "requestedSchema": schema}
        return line({"id": len(str(field)), "method": "elicitation/create", "params": content})

    assert frames.feed("agent", form({"type": "string", "title": "Name"})) == []
    assert "requestedSchema.properties.name.color: unknown key" in only(
        frames.feed("agent", form({"type": "string", "color": "red"}))
    )


def test_draft_methods_need_the_unstable_schema():
    fork = line(
        {"id": 1, "method": "session/fork", "params": {"sessionId": "s", "cwd": "/w", "mcpServers": []}}
    )
    assert "unknown method" in only(FrameValidator().feed("client", fork))
    assert FrameValidator(unstable=True).feed("client", fork) == []


def test_text_lines_are_judged_like_bytes(frames: FrameValidator):
    assert frames.feed("agent", chunk(text="ä").decode()) == []
    assert "not JSON" in only(frames.feed("agent", '{"jsonrpc":"2.0","method":"_\udc80"}'))


def test_schema_of_version_2_judges_by_its_own_definitions():
    schema = WireSchema(version="v2")
    login = schema.find("request", "agent", "auth/login")
    assert login is not None
    assert "'methodId' is a required" in only(schema.violations(login.params, {}))
    assert schema.find("request", "client", "fs/read_text_file") is None
