"""What the protocol's draft adds, over the installed command; each only for clients that ask for it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from acp_agent.base.jsontext import dump_text
from acp_agent.testing.model_server import in_order
from tests.interop.history import conversation
from tests.interop.stage import Frame, RawClient, Stage, prompt_params

ECHO = "say: You said {prompt}."


async def ask(client: RawClient, session_id: str, text: str) -> Frame:
    return (await client.ask("session/prompt", prompt_params(session_id, text)))["result"]


async def result(client: RawClient, method: str, **params: Any) -> Frame:
    answer = await client.ask(method, params)
    assert "result" in answer, answer
    return answer["result"]


async def code(client: RawClient, method: str, **params: Any) -> int:
    return (await client.ask(method, params))["error"]["code"]


def place(stage: Stage) -> Frame:
    return {"cwd": str(stage.cwd), "mcpServers": []}


def ids(listed: Frame) -> list[str]:
    return [one["sessionId"] for one in listed["sessions"]]


def said(client: RawClient, session_id: str) -> str:
    chunks = client.agent.updates(session_id, "agent_message_chunk")
    return "".join(chunk["content"]["text"] for chunk in chunks)


# --- sessions ---------------------------------------------------------------------------------------------


async def test_a_fork_knows_what_was_said_and_leaves_the_other_session_alone(stage: Stage) -> None:
    model = await stage.model(ECHO)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "apples")
    fork = (await result(client, "session/fork", sessionId=session_id, **place(stage)))["sessionId"]
    assert fork != session_id
    assert client.agent.updates(fork) == []  # it is shown by a load, if the client wants it shown
    await ask(client, fork, "pears")
    assert "apples" in conversation(model.requests[-1])
    await ask(client, session_id, "plums")
    assert "pears" not in conversation(model.requests[-1])
    assert set(ids(await result(client, "session/list"))) == {session_id, fork}
    assert await code(client, "session/fork", sessionId="nobody", **place(stage)) == -32002

    await result(client, "session/close", sessionId=fork)
    await result(client, "session/load", sessionId=fork, **place(stage))
    shown = [one["content"]["text"] for one in client.agent.updates(fork, "user_message_chunk")]
    assert shown == ["apples", "pears"]


async def test_a_fork_can_begin_at_a_message(stage: Stage) -> None:
    model = await stage.model(ECHO)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    for word in ("apples", "pears"):
        await ask(client, session_id, word)
    first = client.agent.updates(session_id, "agent_message_chunk")[0]["messageId"]

    def at(message_id: str) -> Frame:
        return {"jetbrains": {"air": {"fork": {"version": 1, "messageId": message_id}}}}

    params = {"sessionId": session_id, **place(stage)}
    fork = (await result(client, "session/fork", **params, _meta=at(first)))["sessionId"]
    await ask(client, fork, "plums")
    sent = conversation(model.requests[-1])
    assert "You said apples." in sent
    assert "pears" not in sent
    assert await code(client, "session/fork", **params, _meta=at("no such message")) == -32602


async def test_an_archived_session_is_closed_and_listed_on_demand_until_it_is_taken_out(stage: Stage) -> None:
    await stage.model(ECHO)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "hi")
    for _ in range(2):
        assert await result(client, "session/archive", sessionId=session_id) == {}
    assert await code(client, "session/prompt", **prompt_params(session_id, "still there?")) == -32002
    listed = [
        ids(await result(client, "session/list", archived=one)) for one in ("exclude", "include", "only")
    ]
    assert listed == [[], [session_id], [session_id]]
    assert ids(await result(client, "session/list")) == []

    assert await result(client, "session/unarchive", sessionId=session_id) == {}
    assert ids(await result(client, "session/list", archived="only")) == []
    await result(client, "session/load", sessionId=session_id, **place(stage))
    assert (await ask(client, session_id, "back"))["stopReason"] == "end_turn"
    for method in ("session/archive", "session/unarchive"):
        assert await code(client, method, sessionId="nobody") == -32002


async def test_the_status_of_a_session_says_whether_it_is_open(stage: Stage) -> None:
    await stage.model(ECHO)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "hi")
    assert await result(client, "session/status", sessionId=session_id) == {"status": "open"}
    await result(client, "session/close", sessionId=session_id)
    for _ in range(2):  # looking does not open it
        assert await result(client, "session/status", sessionId=session_id) == {"status": "saved"}
    assert await code(client, "session/status", sessionId="nobody") == -32002


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_title_the_user_gave_is_told_kept_and_listed(stage: Stage, *, is_open: bool) -> None:
    await stage.model(ECHO)
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "hi")
    if not is_open:
        await result(client, "session/close", sessionId=session_id)
    named = await result(client, "session/set_title", sessionId=session_id, title="  Fruit\nand more ")
    assert named == {"title": "Fruit and more"}
    told = client.agent.updates(session_id, "session_info_update")
    assert [one["title"] for one in told] == (["hi", "Fruit and more"] if is_open else ["hi"])
    (listed,) = (await result(client, "session/list"))["sessions"]
    assert listed["title"] == "Fruit and more"
    assert await code(client, "session/set_title", sessionId=session_id, title=" \n") == -32602


@pytest.mark.parametrize("mode", ["append", "override"])
async def test_what_the_client_wants_told_is_told_in_every_turn_of_every_way_to_open(
    stage: Stage, mode: str
) -> None:
    model = await stage.model(ECHO)
    client = await stage.raw()
    words = {"mode": mode, "content": [{"type": "text", "text": "Speak like a pirate."}]}
    opened = await result(client, "session/new", **place(stage), systemPrompt=words)
    session_id = opened["sessionId"]
    await ask(client, session_id, "hi")
    await result(client, "session/close", sessionId=session_id)
    for method in ("session/load", "session/resume"):
        await result(client, method, sessionId=session_id, **place(stage), systemPrompt=words)
        await ask(client, session_id, "again")
        await result(client, "session/close", sessionId=session_id)
    plain = await client.open(stage.cwd)
    await ask(client, plain, "hi")

    *told, without = [dump_text(request.body["messages"][0]) for request in model.requests]  # pyright: ignore
    assert len(told) == 3
    assert all("Speak like a pirate." in text for text in told)
    assert "pirate" not in without
    own = "acp-agent"
    assert own in without
    assert all((own in text) is (mode == "append") for text in told)


# --- accounts and services --------------------------------------------------------------------------------


async def test_the_state_of_keys_can_be_asked_for_and_changes_are_told(stage: Stage) -> None:
    model = await stage.model(ECHO)
    client = await stage.raw()
    status = await result(client, "auth/status")
    assert status == {"state": "authenticated", "accounts": [{"label": "OpenAI API key", "active": True}]}
    assert client.agent.frames("auth/status_update") == []
    await result(client, "logout")  # the key is in the environment, so nothing changes
    assert client.agent.frames("auth/status_update") == []
    given = {"providerId": "openai", "apiType": "openai", "baseUrl": model.openai_url}
    await result(client, "providers/set", **given)
    (told,) = client.agent.frames("auth/status_update")
    assert told["state"] == "not_required"
    assert await result(client, "auth/status") == told


async def test_an_endpoint_of_the_client_gets_its_headers_and_no_key_of_ours(stage: Stage) -> None:
    await stage.model("say: from the settings")
    theirs = await stage.model("say: from the client")
    first, second = stage.models
    stage.env["OPENAI_BASE_URL"] = first.openai_url
    client = await stage.raw()
    (before,) = [one for one in await providers(client) if one["providerId"] == "openai"]
    assert before["current"]["baseUrl"].rstrip("/") == first.openai_url.rstrip("/")
    given = {"providerId": "openai", "apiType": before["supported"][0], "baseUrl": theirs.openai_url}
    await result(client, "providers/set", **given, headers={"X-Team": "tea-drinkers"})
    (after,) = [one for one in await providers(client) if one["providerId"] == "openai"]
    assert after["current"]["baseUrl"].rstrip("/") == theirs.openai_url.rstrip("/")
    assert "tea-drinkers" not in dump_text([*await providers(client)])

    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "hi")
    assert said(client, session_id) == "from the client"
    assert first.requests == []
    assert second.requests[0].headers["x-team"] == "tea-drinkers"
    assert "authorization" not in second.requests[0].headers
    assert await code(client, "providers/set", **{**given, "providerId": "nobody"}) == -32602
    assert await code(client, "providers/set", **{**given, "apiType": "nothing"}) == -32602
    assert await code(client, "providers/set", **{**given, "baseUrl": "not an address"}) == -32602


async def providers(client: RawClient) -> list[Frame]:
    return (await result(client, "providers/list"))["providers"]


async def test_a_provider_that_is_switched_off_stays_listed_and_one_that_is_needed_stays_on(
    stage: Stage,
) -> None:
    await stage.model(ECHO)  # the settings name a model of this one
    stage.env |= {"ANTHROPIC_API_KEY": "x", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    client = await stage.raw()
    assert {one["providerId"]: one["required"] for one in await providers(client)} == {
        **{one["providerId"]: False for one in await providers(client)},
        "openai": True,
    }
    assert await result(client, "providers/disable", providerId="anthropic") == {}
    (off,) = [one for one in await providers(client) if one["providerId"] == "anthropic"]
    assert off.get("current") is None
    assert await code(client, "providers/disable", providerId="openai") == -32602
    assert await result(client, "providers/disable", providerId="nobody") == {}
    session_id = await client.open(stage.cwd)
    assert (await ask(client, session_id, "hi"))["stopReason"] == "end_turn"


async def test_the_login_command_is_told_to_clients_that_run_commands_for_it(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    methods = (await client.initialize(_meta={"terminal-auth": True}))["authMethods"]
    (login,) = [one["_meta"]["terminal-auth"] for one in methods if "_meta" in one]
    assert login["args"][-1] == "login"
    assert login["env"] == {"ACP_AGENT_HOME": str(stage.home)}
    other = RawClient(await stage.agent())
    assert not any("_meta" in one for one in (await other.initialize())["authMethods"])


# --- in a turn --------------------------------------------------------------------------------------------


async def test_clients_that_keep_plans_by_id_get_them_so_and_none_of_the_others(stage: Stage) -> None:
    entries = [{"content": "look", "status": "completed", "priority": "high"}]
    call = f"call: todo {dump_text({'entries': entries})}"  # pyright: ignore
    await stage.model(in_order(call, "say: done", "say: and now?"))
    client = await stage.raw(plan={})
    session_id = await client.open(stage.cwd)
    await ask(client, session_id, "plan")
    (told,) = client.agent.updates(session_id, "plan_update")
    assert (told["plan"]["type"], told["plan"]["entries"]) == ("items", entries)
    await ask(client, session_id, "next")  # a plan that is done goes with the next prompt
    (removed,) = client.agent.updates(session_id, "plan_removed")
    assert removed["planId"] == told["plan"]["planId"]
    assert client.agent.updates(session_id, "plan") == []


async def test_what_the_user_says_into_a_turn_is_heard_by_its_next_request(stage: Stage) -> None:
    model = await stage.model(in_order('call: bash {"command": "touch ran"}', "say: heard"))
    client = await stage.raw()
    session_id = await client.open(stage.cwd)
    prompt = await client.prompt(session_id, "go")
    question = await client.agent.seen(lambda frame: frame.get("method") == "session/request_permission")
    steering = prompt_params(session_id, "and mind the gap")
    assert await result(client, "_session/steering", **steering) == {"outcome": "injected"}
    outcome = {"outcome": {"outcome": "selected", "optionId": "allow_once"}}
    await client.agent.write({"jsonrpc": "2.0", "id": question["id"], "result": outcome})
    assert (await client.response(prompt))["result"]["stopReason"] == "end_turn"
    assert "and mind the gap" in conversation(model.requests[1])
    assert len(model.requests) == 2

    idle = {"_meta": {"steering": {"idleBehavior": "promptRequired"}}}
    answer = await result(client, "_session/steering", **steering, **idle)
    assert answer == {"outcome": "promptRequired", "reason": "noRunningTurn"}
    assert len(model.requests) == 2
    assert (await result(client, "_session/steering", **steering))["outcome"] == "startedNewTurn"
    await client.agent.seen(lambda frame: said(client, session_id) == "heard" * 2)


async def serve_mcp(client: RawClient) -> None:
    """Be the MCP server `clock` inside the connection, one that speaks the protocol's first way."""
    served: list[Frame] = []
    while True:
        asked = await client.agent.seen(
            lambda frame: frame.get("method") == "mcp/message" and frame not in served
        )
        served.append(asked)
        assert asked["params"]["serverId"] == "clock-1"
        answer: Frame
        match asked["params"]["method"]:
            case "initialize":
                version = asked["params"]["params"]["protocolVersion"]
                info = {"name": "clock", "version": "1"}
                answer = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
            case "tools/list":
                answer = {"tools": [{"name": "now", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                given = {key: asked["params"][key] for key in ("serverId", "requestId")}
                await client.notify("mcp/message", {**given, "method": "notifications/message", "params": {}})
                answer = {"content": [{"type": "text", "text": "noon"}]}
            case _:
                error = {"error": {"code": -32601, "message": "no such method"}}
                await client.agent.write({"jsonrpc": "2.0", "id": asked["id"], "result": error})
                continue
        await client.agent.write({"jsonrpc": "2.0", "id": asked["id"], "result": {"result": answer}})


async def test_a_server_that_the_client_is_works_like_any_other(stage: Stage) -> None:
    await stage.model(in_order("call: mcp__clock__now {}", "say: It is {result}."))
    stage.env["ACP_AGENT_MODE"] = "auto"
    client = await stage.raw()
    server = {"type": "acp", "name": "clock", "serverId": "clock-1"}
    opened = await result(client, "session/new", cwd=str(stage.cwd), mcpServers=[server])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve_mcp, client)
        await ask(client, opened["sessionId"], "what time is it?")
        tasks.cancel_scope.cancel()
    assert said(client, opened["sessionId"]) == "It is noon."
