"""What clients send: the wrong member is named, the optional one forgiven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.model import content, mcp
from acp_agent.rpc.errors import INVALID_PARAMS, INVALID_REQUEST, RpcError
from acp_agent.surface.v1.blocks import to_content
from acp_agent.surface.v1.params import (
    AuthenticateParams,
    ListParams,
    NewSessionParams,
    OpenSessionParams,
    PromptParams,
    SessionParams,
    SetModeParams,
    SetOptionParams,
)
from acp_agent.surface.v1.servers import to_servers
from acp_agent.surface.v1.wire import Wire, read
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


WRONG: list[tuple[type[Wire], JsonObject, str]] = [
    (NewSessionParams, {}, "cwd"),
    (NewSessionParams, {"cwd": None}, "cwd"),
    (NewSessionParams, {"cwd": 5}, "cwd"),
    (NewSessionParams, {"cwd": "relative"}, "cwd"),
    (NewSessionParams, {"cwd": ""}, "cwd"),
    (NewSessionParams, {"cwd": "/a\0b"}, "cwd"),
    (NewSessionParams, {"cwd": "/" + "x" * 5000}, "cwd"),
    (NewSessionParams, {**NEW, "additionalDirectories": ["/a", "b"]}, "additionalDirectories[1]"),
    (NewSessionParams, {**NEW, "additionalDirectories": "/a"}, "additionalDirectories"),
    (NewSessionParams, {**NEW, "mcpServers": {}}, "mcpServers"),
    (NewSessionParams, server(name=5), "mcpServers[0].name"),
    (NewSessionParams, server(type="carrier pigeon"), "mcpServers[0].type"),
    (NewSessionParams, server(command="x", args=[1]), "mcpServers[0].args[0]"),
    (NewSessionParams, server(command="x", env=[{"name": "A"}]), "mcpServers[0].env[0].value"),
    (OpenSessionParams, NEW, "sessionId"),
    (SessionParams, {"sessionId": 7}, "sessionId"),
    (ListParams, {"cwd": "relative"}, "cwd"),
    (ListParams, {"cursor": 5}, "cursor"),
    (PromptParams, {"sessionId": "s"}, "prompt"),
    (PromptParams, {"sessionId": "s", "prompt": "text"}, "prompt"),
    (PromptParams, {"sessionId": "s", "prompt": ["text"]}, "prompt[0]"),
    (PromptParams, {"sessionId": "s", "prompt": [{"type": "text"}]}, "prompt[0].text"),
    (PromptParams, {"sessionId": "s", "prompt": [{"type": "text", "text": 5}]}, "prompt[0].text"),
    (PromptParams, {"sessionId": "s", "prompt": [{"type": "smell"}]}, "prompt[0]"),
    (
        PromptParams,
        {"sessionId": "s", "prompt": [{"type": "image", "data": ""}]},
        "prompt[0].mimeType",
    ),
    (
        PromptParams,
        {
            "sessionId": "s",
            "prompt": [{"type": "text", "text": ""}, {"type": "resource", "resource": {}}],
        },
        "prompt[1].resource.uri",
    ),
    (SetModeParams, {"sessionId": "s"}, "modeId"),
    (SetOptionParams, {"sessionId": "s", "value": "x"}, "configId"),
    (AuthenticateParams, {}, "methodId"),
]


@pytest.mark.parametrize(("model", "params", "field"), WRONG)
def test_the_wrong_member_is_named(
    model: type[Wire], params: JsonObject, field: str
) -> None:  # fmt: skip
    with pytest.raises(RpcError) as caught:
        read(model, params)
    assert field_of(caught.value) == field


@pytest.mark.parametrize("params", [[], "x", 5, True])
def test_params_that_are_no_object_are_refused(params: JsonValue) -> None:
    with pytest.raises(RpcError, match="must be an object"):
        read(ListParams, params)


def test_an_error_does_not_repeat_what_was_sent() -> None:
    secret: JsonObject = {"name": "s", "command": "x", "env": [{"name": "KEY", "value": ["hunter2"]}]}
    with pytest.raises(RpcError) as caught:
        read(NewSessionParams, {**NEW, "mcpServers": [secret]})
    assert "hunter2" not in f"{caught.value} {caught.value.data}"


def test_unknown_members_are_ignored() -> None:
    taken = read(SessionParams, {"sessionId": "s", "_meta": {"a": 1}, "future": True})
    assert taken == read(SessionParams, {"sessionId": "s"})


@pytest.mark.parametrize("absent", [{}, {"additionalDirectories": None, "mcpServers": None}])
def test_a_null_list_is_an_empty_one(absent: JsonObject) -> None:
    taken = read(NewSessionParams, {"cwd": "/x", **absent})
    assert (taken.additional_directories, taken.mcp_servers) == ([], [])


@pytest.mark.parametrize("params", [None, {}, {"cwd": None, "cursor": None}])
def test_a_list_needs_no_params(params: JsonValue) -> None:
    assert read(ListParams, params) == ListParams()


@pytest.mark.parametrize("wrong", [None, 5, [], {}])
def test_optional_text_of_a_wrong_type_counts_as_absent(wrong: JsonValue) -> None:
    block: JsonObject = {"type": "resource_link", "uri": "u", "name": "n", "title": wrong, "mimeType": wrong}
    taken = read(PromptParams, {"sessionId": "s", "prompt": [block]})
    assert to_content(taken.prompt) == (content.ResourceLink("u", "n"),)


def test_every_kind_of_content_is_read() -> None:
    blocks: list[JsonValue] = [
        {"type": "text", "text": "t", "annotations": {"audience": ["user"]}},
        {"type": "image", "data": "AA==", "mimeType": "image/png", "uri": "u"},
        {"type": "resource_link", "uri": "u", "name": "n", "mimeType": "m", "title": "t", "description": "d"},
        {"type": "resource", "resource": {"uri": "u", "text": "t", "mimeType": "m"}},
        {"type": "resource", "resource": {"uri": "u", "blob": "AA=="}},
    ]
    taken = read(PromptParams, {"sessionId": "s", "prompt": blocks})
    assert to_content(taken.prompt) == (
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
    taken = read(PromptParams, {"sessionId": "s", "prompt": [block]})
    with pytest.raises(RpcError) as caught:
        to_content(taken.prompt)
    assert field_of(caught.value) == field


def test_servers_of_every_transport_are_read() -> None:
    pair: JsonValue = [{"name": "A", "value": "1"}]
    servers: list[JsonValue] = [
        {"name": "a", "command": "/bin/x", "args": ["-v"], "env": pair},
        {"name": "b", "type": "http", "url": "https://x", "headers": pair},
        {"name": "c", "type": "sse", "url": "https://y", "headers": None},
        {"name": "d", "type": "acp", "serverId": "own"},
        {"name": "e", "command": "/bin/y", "args": None, "env": None},
    ]
    taken = read(NewSessionParams, {"cwd": "/x", "mcpServers": servers})
    assert to_servers(taken.mcp_servers) == (
        mcp.StdioServer("a", "/bin/x", ("-v",), (("A", "1"),)),
        mcp.HttpServer("b", "https://x", (("A", "1"),)),
        mcp.HttpServer("c", "https://y", (), "sse"),
        mcp.ChannelServer("d", "own"),
        mcp.StdioServer("e", "/bin/y"),
    )


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "mcpServers[0].command"),
        ({"type": "http"}, "mcpServers[0].url"),
        ({"type": "sse"}, "mcpServers[0].url"),
        ({"type": "acp"}, "mcpServers[0].serverId"),
    ],
)
def test_a_server_without_what_its_type_needs_is_refused(members: JsonObject, field: str) -> None:
    taken = read(NewSessionParams, server(**members))
    with pytest.raises(RpcError) as caught:
        to_servers(taken.mcp_servers)
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
    refusal = refusal_of(PromptParams, params)
    if SCHEMA.violations("PromptRequest", params) == []:
        assert refusal is None
    elif refusal is not None:
        assert str(field_of(refusal)).startswith("prompt")


def refusal_of(model: type[Wire], params: JsonValue) -> RpcError | None:
    try:
        read(model, params)
    except RpcError as error:
        return error
    return None


@given(
    JSON
    | st.fixed_dictionaries({}, optional={"cwd": JSON | st.just("/x"), "mcpServers": JSON, "sessionId": JSON})
)
def test_anything_else_is_read_or_refused_too(params: JsonValue) -> None:
    for model in (NewSessionParams, OpenSessionParams, ListParams, SetOptionParams):
        refusal = refusal_of(model, params)
        assert refusal is None or refusal.code in (INVALID_PARAMS, INVALID_REQUEST)
