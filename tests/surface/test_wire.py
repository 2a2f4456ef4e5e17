"""What clients send: the wrong member is named, the optional one forgiven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import content, mcp
from acp_agent.rpc.errors import INVALID_PARAMS, INVALID_REQUEST, RpcError
from acp_agent.surface.v1 import wire
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema()
NEW: JsonObject = {"cwd": "/x", "mcpServers": []}


def field_of(error: RpcError) -> JsonValue:
    assert error.code == INVALID_PARAMS
    assert isinstance(error.data, dict)
    assert isinstance(error.data["reason"], str)
    field = error.data["field"]
    assert f"`{field}`" in error.message
    return field


def server(**members: JsonValue) -> JsonObject:
    return {**NEW, "mcpServers": [{"name": "s", **members}]}


WRONG: list[tuple[type[wire.Wire], JsonObject, str]] = [
    (wire.NewSessionParams, {}, "cwd"),
    (wire.NewSessionParams, {"cwd": None}, "cwd"),
    (wire.NewSessionParams, {"cwd": 5}, "cwd"),
    (wire.NewSessionParams, {"cwd": "relative"}, "cwd"),
    (wire.NewSessionParams, {"cwd": ""}, "cwd"),
    (wire.NewSessionParams, {"cwd": "/a\0b"}, "cwd"),
    (wire.NewSessionParams, {"cwd": "/" + "x" * 5000}, "cwd"),
    (wire.NewSessionParams, {**NEW, "additionalDirectories": ["/a", "b"]}, "additionalDirectories[1]"),
    (wire.NewSessionParams, {**NEW, "additionalDirectories": "/a"}, "additionalDirectories"),
    (wire.NewSessionParams, {**NEW, "mcpServers": {}}, "mcpServers"),
    (wire.NewSessionParams, server(name=5), "mcpServers[0].name"),
    (wire.NewSessionParams, server(type="carrier pigeon"), "mcpServers[0].type"),
    (wire.NewSessionParams, server(command="x", args=[1]), "mcpServers[0].args[0]"),
    (wire.NewSessionParams, server(command="x", env=[{"name": "A"}]), "mcpServers[0].env[0].value"),
    (wire.OpenSessionParams, NEW, "sessionId"),
    (wire.SessionParams, {"sessionId": 7}, "sessionId"),
    (wire.ListParams, {"cwd": "relative"}, "cwd"),
    (wire.ListParams, {"cursor": 5}, "cursor"),
    (wire.PromptParams, {"sessionId": "s"}, "prompt"),
    (wire.PromptParams, {"sessionId": "s", "prompt": "text"}, "prompt"),
    (wire.PromptParams, {"sessionId": "s", "prompt": ["text"]}, "prompt[0]"),
    (wire.PromptParams, {"sessionId": "s", "prompt": [{"type": "text"}]}, "prompt[0].text"),
    (wire.PromptParams, {"sessionId": "s", "prompt": [{"type": "text", "text": 5}]}, "prompt[0].text"),
    (wire.PromptParams, {"sessionId": "s", "prompt": [{"type": "smell"}]}, "prompt[0]"),
    (
        wire.PromptParams,
        {"sessionId": "s", "prompt": [{"type": "image", "data": ""}]},
        "prompt[0].mimeType",
    ),
    (
        wire.PromptParams,
        {
            "sessionId": "s",
            "prompt": [{"type": "text", "text": ""}, {"type": "resource", "resource": {}}],
        },
        "prompt[1].resource.uri",
    ),
    (wire.SetModeParams, {"sessionId": "s"}, "modeId"),
    (wire.SetOptionParams, {"sessionId": "s", "value": "x"}, "configId"),
    (wire.AuthenticateParams, {}, "methodId"),
]


@pytest.mark.parametrize(("model", "params", "field"), WRONG)
def test_the_wrong_member_is_named(
    model: type[wire.Wire], params: JsonObject, field: str
) -> None:  # fmt: skip
    with pytest.raises(RpcError) as caught:
        wire.read(model, params)
    assert field_of(caught.value) == field


@pytest.mark.parametrize("params", [[], "x", 5, True])
def test_params_that_are_no_object_are_refused(params: JsonValue) -> None:
    with pytest.raises(RpcError, match="must be an object"):
        wire.read(wire.ListParams, params)


def test_an_error_does_not_repeat_what_was_sent() -> None:
    secret: JsonObject = {"name": "s", "command": "x", "env": [{"name": "KEY", "value": ["hunter2"]}]}
    with pytest.raises(RpcError) as caught:
        wire.read(wire.NewSessionParams, {**NEW, "mcpServers": [secret]})
    assert "hunter2" not in f"{caught.value} {caught.value.data}"


def test_unknown_members_are_ignored() -> None:
    read = wire.read(wire.SessionParams, {"sessionId": "s", "_meta": {"a": 1}, "future": True})
    assert read == wire.read(wire.SessionParams, {"sessionId": "s"})


@pytest.mark.parametrize("absent", [{}, {"additionalDirectories": None, "mcpServers": None}])
def test_a_null_list_is_an_empty_one(absent: JsonObject) -> None:
    read = wire.read(wire.NewSessionParams, {"cwd": "/x", **absent})
    assert (read.additional_directories, read.mcp_servers) == ([], [])


@pytest.mark.parametrize("params", [None, {}, {"cwd": None, "cursor": None}])
def test_a_list_needs_no_params(params: JsonValue) -> None:
    assert wire.read(wire.ListParams, params) == wire.ListParams()


@pytest.mark.parametrize("wrong", [None, 5, [], {}])
def test_optional_text_of_a_wrong_type_counts_as_absent(wrong: JsonValue) -> None:
    block: JsonObject = {"type": "resource_link", "uri": "u", "name": "n", "title": wrong, "mimeType": wrong}
    read = wire.read(wire.PromptParams, {"sessionId": "s", "prompt": [block]})
    assert wire.to_content(read.prompt) == (content.ResourceLink("u", "n"),)


def test_every_kind_of_content_is_read() -> None:
    blocks: list[JsonValue] = [
        {"type": "text", "text": "t", "annotations": {"audience": ["user"]}},
        {"type": "image", "data": "AA==", "mimeType": "image/png", "uri": "u"},
        {"type": "resource_link", "uri": "u", "name": "n", "mimeType": "m", "title": "t", "description": "d"},
        {"type": "resource", "resource": {"uri": "u", "text": "t", "mimeType": "m"}},
        {"type": "resource", "resource": {"uri": "u", "blob": "AA=="}},
    ]
    read = wire.read(wire.PromptParams, {"sessionId": "s", "prompt": blocks})
    assert wire.to_content(read.prompt) == (
        content.Text("t"),
        content.Image("AA==", "image/png", "u"),
        content.ResourceLink("u", "n", "m", "t", "d"),
        content.Resource("u", text="t", mime_type="m"),
        content.Resource("u", blob="AA=="),
    )


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ({"type": "audio", "data": "AA==", "mimeType": "audio/wav"}, "prompt[0]"),
        ({"type": "resource", "resource": {"uri": "u"}}, "prompt[0].resource"),
        ({"type": "resource", "resource": {"uri": "u", "text": "", "blob": ""}}, "prompt[0].resource"),
    ],
)
def test_content_that_was_not_offered_is_refused(block: JsonObject, field: str) -> None:
    read = wire.read(wire.PromptParams, {"sessionId": "s", "prompt": [block]})
    with pytest.raises(RpcError) as caught:
        wire.to_content(read.prompt)
    assert field_of(caught.value) == field


def test_servers_of_every_transport_are_read() -> None:
    pair: JsonValue = [{"name": "A", "value": "1"}]
    servers: list[JsonValue] = [
        {"name": "a", "command": "/bin/x", "args": ["-v"], "env": pair},
        {"name": "b", "type": "http", "url": "https://x", "headers": pair},
        {"name": "c", "type": "sse", "url": "https://y", "headers": None},
    ]
    read = wire.read(wire.NewSessionParams, {"cwd": "/x", "mcpServers": servers})
    assert wire.to_servers(read.mcp_servers) == (
        mcp.StdioServer("a", "/bin/x", ("-v",), (("A", "1"),)),
        mcp.HttpServer("b", "https://x", (("A", "1"),)),
        mcp.HttpServer("c", "https://y", (), "sse"),
    )


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "mcpServers[0].command"),
        ({"type": "http"}, "mcpServers[0].url"),
        ({"type": "sse"}, "mcpServers[0].url"),
    ],
)
def test_a_server_without_what_its_type_needs_is_refused(members: JsonObject, field: str) -> None:
    read = wire.read(wire.NewSessionParams, server(**members))
    with pytest.raises(RpcError) as caught:
        wire.to_servers(read.mcp_servers)
    assert field_of(caught.value) == field


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image", "audio", "resource_link", "resource", "other"])},
    optional={
        "text": st.text(max_size=3) | JSON,
        "data": st.text(max_size=3),
        "mimeType": st.text(max_size=3) | JSON,
        "uri": st.text(max_size=3),
        "name": st.text(max_size=3),
        "resource": st.fixed_dictionaries(
            {}, optional={"uri": st.text(max_size=3), "text": JSON, "blob": JSON}
        ),
    },
)


@given(st.lists(BLOCKS | JSON, max_size=3) | JSON)
def test_any_prompt_is_read_or_refused_by_name_and_valid_ones_are_read(prompt: JsonValue) -> None:
    params: JsonObject = {"sessionId": "s", "prompt": prompt}
    refusal = refusal_of(wire.PromptParams, params)
    if SCHEMA.violations("PromptRequest", params) == []:
        assert refusal is None
    elif refusal is not None:
        assert str(field_of(refusal)).startswith("prompt")


def refusal_of(model: type[wire.Wire], params: JsonValue) -> RpcError | None:
    try:
        wire.read(model, params)
    except RpcError as error:
        return error
    return None


@given(
    JSON
    | st.fixed_dictionaries({}, optional={"cwd": JSON | st.just("/x"), "mcpServers": JSON, "sessionId": JSON})
)
def test_anything_else_is_read_or_refused_too(params: JsonValue) -> None:
    for model in (wire.NewSessionParams, wire.OpenSessionParams, wire.ListParams, wire.SetOptionParams):
        refusal = refusal_of(model, params)
        assert refusal is None or refusal.code in (INVALID_PARAMS, INVALID_REQUEST)
