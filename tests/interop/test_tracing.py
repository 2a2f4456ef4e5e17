"""The client's trace goes through the installed command to services, servers and back to the client."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from acp import schema

from acp_agent.testing.model_server import in_order
from tests.interop.stage import Frame, RawClient, Service, Stage, prompt_params

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor

TRACE_ID = "80e1afed08e019fc1110464cfa66635c"
META: Frame = {
    "traceparent": f"00-{TRACE_ID}-7a085853722dc6d2-01",
    "tracestate": "vendor=1",
    "baggage": "user=somebody",
}
SERVER = schema.McpServerStdio(
    name="asking",
    command=sys.executable,
    args=[str(Path(__file__).with_name("asking_server.py"))],
    env=[],
)


async def test_services_get_the_trace_and_the_client_gets_all_of_it(stage: Stage, service: Service) -> None:
    model = await stage.model(in_order('call: write {"path": "a", "content": "b"}', "say: Done."), service)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    prompted = await client.request("session/prompt", {**prompt_params(session_id, "go"), "_meta": META})
    asked = await client.agent.seen(lambda frame: frame.get("method") == "session/request_permission")
    assert asked["params"]["_meta"] == META
    outcome = {"outcome": {"outcome": "selected", "optionId": "allow_once"}}
    await client.agent.write({"jsonrpc": "2.0", "id": asked["id"], "result": outcome})
    assert "result" in await client.response(prompted)
    for request in model.requests:
        assert request.headers["traceparent"] == META["traceparent"]
        assert request.headers["tracestate"] == META["tracestate"]
        assert "baggage" not in request.headers


async def test_the_next_prompt_does_not_inherit_a_trace(stage: Stage) -> None:
    model = await stage.model("say: Done.")
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    await client.ask("session/prompt", {**prompt_params(session_id, "go"), "_meta": META})
    await client.ask("session/prompt", prompt_params(session_id, "again"))
    first, second = model.requests
    assert "traceparent" in first.headers
    assert "traceparent" not in second.headers


METAS: list[object] = [
    {"traceparent": "nonsense", "tracestate": "a=1"},
    {"traceparent": 7, "baggage": ["x"]},
    {"session_id": "evil", "self": 1, "zed.dev/debugMode": True, "deep": [[{}]]},
    {},
    None,
    "text",
]


@pytest.mark.parametrize("meta", METAS, ids=str)
async def test_whatever_else_a_meta_holds_the_prompt_is_answered(stage: Stage, meta: object) -> None:
    model = await stage.model("say: Done.")
    client = await stage.raw()
    client.agent.polite_client = isinstance(meta, dict | None)
    session_id = await client.open(stage.cwd)
    answer = await client.ask("session/prompt", {**prompt_params(session_id, "go"), "_meta": meta})
    assert answer["result"]["stopReason"] == "end_turn"
    assert "traceparent" not in model.requests[0].headers
    assert [update["sessionUpdate"] for update in client.agent.updates(session_id)]


async def test_servers_of_the_session_get_all_of_it(stage: Stage, open_editor: OpenEditor) -> None:
    editor = await open_editor(in_order("call: mcp__asking__trace {}", "say: {result}"))
    session = await editor.open(mcp_servers=[SERVER])
    prompt = {**prompt_params(session.id, "go"), "_meta": META}
    answer = await RawClient(editor.agent).ask("session/prompt", prompt)
    assert answer["result"]["stopReason"] == "end_turn"
    assert json.loads(session.text()) == META
