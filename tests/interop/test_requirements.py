"""What the protocol asks for and no other story here tells; rows of `tests/requirements` name these tests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import acp
import anyio
import anyio.abc
import pytest
from acp import schema

from acp_agent.base.jsontext import dump_text
from acp_agent.providers.script import Reply, parse_script
from acp_agent.testing.model_server import RecordedRequest, in_order
from tests.interop.history import conversation
from tests.interop.stage import COMMAND, SECRET, Frame, RawClient, Stage, prompt_params

if TYPE_CHECKING:
    from tests.interop.conftest import OpenEditor


def call(name: str, **arguments: Any) -> str:
    return f"call: {name} {dump_text(arguments)}"


# --- what is said at the beginning -------------------------------------------------------------------------

SERVED_WITH = {
    "auth/status": "auth.status",
    "logout": "auth.logout",
    "providers/disable": "providers",
    "providers/list": "providers",
    "providers/set": "providers",
    "session/archive": "sessionCapabilities.archive",
    "session/close": "sessionCapabilities.close",
    "session/delete": "sessionCapabilities.delete",
    "session/fork": "sessionCapabilities.fork",
    "session/list": "sessionCapabilities.list",
    "session/load": "loadSession",
    "session/resume": "sessionCapabilities.resume",
    "session/set_title": "sessionCapabilities.title",
    "session/status": "sessionCapabilities.status",
    "session/unarchive": "sessionCapabilities.archive",
}
"""Methods that need a capability; the others are served by every agent."""


def advertised(capabilities: Frame, path: str) -> bool:
    *parents, name = path.split(".")
    for parent in parents:
        capabilities = capabilities.get(parent) or {}
    return capabilities.get(name) not in (None, False)


async def test_what_is_advertised_is_what_is_served(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    told = await client.initialize()
    assert (told["agentInfo"]["name"], bool(told["agentInfo"]["version"])) == ("acp-agent", True)
    client.agent.polite_client = False
    methods = json.loads((Path(__file__).parents[2] / "schema/v1/methods.json").read_bytes())
    requests = [row["method"] for row in methods if (row["side"], row["kind"]) == ("agent", "request")]
    wrong: list[str] = []
    for method in requests:
        answer = await client.ask(method, 5 if method == "initialize" else {"sessionId": 5})
        is_served = answer.get("error", {}).get("code") != -32601
        needed = SERVED_WITH.get(method)
        if is_served != (needed is None or advertised(told["agentCapabilities"], needed)):
            wrong.append(method)
    assert wrong == []


# --- sessions and their directories -----------------------------------------------------------------------


async def test_directories_left_out_of_a_load_are_closed_again(
    stage: Stage, open_editor: OpenEditor, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "notes.txt").write_text("words from elsewhere\n")
    reading = call("read", path=str(more / "notes.txt"))
    editor = await open_editor(in_order(*[reading, "say: {result}"] * 3))
    session = await editor.open(additional_directories=[str(more)])
    await session.ask("one")
    listed = (await editor.connection.list_sessions()).sessions
    assert [one.additional_directories for one in listed] == [[str(more)]]
    await session.close()

    cwd = str(stage.cwd)
    await editor.connection.load_session(cwd, session.id, [])
    await session.ask("two")
    listed = (await editor.connection.list_sessions()).sessions
    assert [one.additional_directories for one in listed] == [None]
    await session.close()

    await editor.connection.resume_session(
        session.id, cwd, mcp_servers=[], additional_directories=[str(more)]
    )
    await session.ask("three")
    results = [one["content"][0]["content"]["text"] for one in session.calls()]
    assert ["words from elsewhere" in text for text in results] == [True, False, True]


async def test_a_list_by_directory_takes_links_for_what_they_lead_to_and_no_neighbours(
    stage: Stage, open_editor: OpenEditor, tmp_path: Path
) -> None:
    (stage.cwd / "inside").mkdir()
    link = tmp_path / "link"
    link.symlink_to(stage.cwd)
    editor = await open_editor("say: ok")
    session = await editor.open(cwd=link)
    await session.ask("hi")
    found = {
        str(cwd): [one.session_id for one in (await editor.connection.list_sessions(cwd=str(cwd))).sessions]
        for cwd in (stage.cwd, link, f"{stage.cwd}/", stage.cwd / "inside", stage.cwd.parent, "/nowhere")
    }
    expected = {
        str(cwd): [session.id] if number < 3 else []
        for number, cwd in enumerate(
            (stage.cwd, link, f"{stage.cwd}/", stage.cwd / "inside", stage.cwd.parent, "/nowhere")
        )
    }
    assert found == expected


# --- what the client is told in a turn --------------------------------------------------------------------


async def test_notices_go_to_clients_that_draw_them_as_what_they_are(stage: Stage) -> None:
    stage.env["ACP_AGENT_MODLE"] = "misspelt, so that a warning is due"
    await stage.model(in_order("error: 429 slow down\nheader: retry-after-ms: 1", "say: the answer"))
    client = await stage.raw(session={"notices": {}})
    session_id = await client.open(stage.cwd)
    answer = await client.ask("session/prompt", prompt_params(session_id, "hi"))
    assert answer["result"]["stopReason"] == "end_turn"
    notices = client.agent.updates(session_id, "notice")
    assert {one["severity"] for one in notices} == {"warning", "info"}
    assert "ACP_AGENT_MODLE" in dump_text([*notices])
    assert "slow down" in dump_text([*notices])
    texts = [one["content"]["text"] for one in client.agent.updates(session_id, "agent_message_chunk")]
    assert "".join(texts) == "the answer"
    assert client.agent.updates(session_id, "agent_thought_chunk") == []


async def test_a_plan_is_sent_whole_each_time_and_closed_with_the_turn(open_editor: OpenEditor) -> None:
    entries: list[Frame] = [
        {"content": "first", "status": "in_progress", "priority": "high"},
        {"content": "second", "status": "pending", "priority": "medium"},
        {"content": "third", "status": "pending", "priority": "low"},
    ]
    later: list[Frame] = [{**entries[0], "status": "completed"}, *entries[1:]]
    later[1] = {**later[1], "status": "in_progress"}
    editor = await open_editor(
        in_order(call("todo", entries=entries), call("todo", entries=later), "say: ok")
    )
    session = await editor.open()
    assert await session.ask("plan") == "end_turn"
    at_rest = [later[0], {**later[1], "status": "pending"}, later[2]]
    assert [plan["entries"] for plan in session.updates("plan")] == [entries, later, at_rest]


async def test_a_cancelled_summary_is_told_to_be_one(stage: Stage) -> None:
    script = "say: {prompt}\nwhen: bananas\nfail: 1 400 prompt is too long: 9 tokens\nsay: it fits now\n"
    await stage.model(script + "when: Summarize this conversation\nsay: All is\nwait\n")
    client = await stage.raw(session={"compaction": {}})
    session_id = await client.open(stage.cwd)
    await client.ask("session/prompt", prompt_params(session_id, "the first words"))
    prompt = await client.prompt(session_id, "bananas")
    await client.agent.seen(lambda frame: "compaction_summary_chunk" in dump_text(frame))
    await client.notify("session/cancel", {"sessionId": session_id})
    assert (await client.response(prompt))["result"]["stopReason"] == "cancelled"
    statuses = [one["status"] for one in client.agent.updates(session_id, "compaction_update")]
    assert statuses == ["in_progress", "cancelled"]


# --- authentication ---------------------------------------------------------------------------------------


async def test_a_key_that_is_refused_comes_back_with_the_ways_to_log_in(stage: Stage) -> None:
    await stage.model(in_order("error: 401 bad key", "say: welcome"))
    client = await stage.raw(auth={"terminal": True})
    session_id = await client.open(stage.cwd)
    error = (await client.ask("session/prompt", prompt_params(session_id, "hi")))["error"]
    assert error["code"] == -32000
    assert [method["id"] for method in error["data"]["authMethods"]] == ["configured", "login"]
    answer = await client.ask("session/prompt", prompt_params(session_id, "hi"))
    assert answer["result"]["stopReason"] == "end_turn"


def guarded(request: RecordedRequest) -> Reply:
    """A service that answers those who show the key."""
    known = request.headers.get("authorization") == f"Bearer {SECRET}"
    return parse_script("say: welcome" if known else "error: 401 who are you").branches[0].replies[0]


async def test_a_key_entered_in_a_terminal_works_until_the_log_out(stage: Stage) -> None:
    await stage.model(guarded)
    del stage.env["OPENAI_API_KEY"]
    client = await stage.raw(auth={"terminal": True})
    session_id = await client.open(stage.cwd)
    before = await client.ask("session/prompt", prompt_params(session_id, "hi"))
    assert before["error"]["code"] == -32000

    subprocess.run(  # noqa: ASYNC221 # nothing else is going on
        [COMMAND, "login", "openai"],
        env={"PATH": "", "ACP_AGENT_HOME": str(stage.home)},
        input=SECRET.encode(),
        capture_output=True,
        check=True,
    )
    await client.ask("authenticate", {"methodId": "configured"})
    session_id = await client.open(stage.cwd)
    answer = await client.ask("session/prompt", prompt_params(session_id, "hi"))
    assert answer["result"]["stopReason"] == "end_turn"

    assert (await client.ask("logout", {}))["result"] == {}
    session_id = await client.open(stage.cwd)
    after = await client.ask("session/prompt", prompt_params(session_id, "hi"))
    assert after["error"]["code"] == -32000


# --- MCP servers ------------------------------------------------------------------------------------------

KINDS = """
import json, os, sys

HINTS = {
    "look": {"readOnlyHint": True, "openWorldHint": False},
    "browse": {"readOnlyHint": True, "openWorldHint": True},
    "erase": {"readOnlyHint": False, "destructiveHint": True},
    "brew": {"readOnlyHint": False, "destructiveHint": False},
}
for line in sys.stdin:
    message = json.loads(line)
    match message.get("method"):
        case "initialize":
            result = {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "kinds", "version": "1"},
            }
        case "tools/list":
            schema = {"type": "object"}
            tools = [{"name": n, "inputSchema": schema, "annotations": a} for n, a in HINTS.items()]
            result = {"tools": tools}
        case "tools/call":
            text = os.environ["GIVEN"] + " " + str("OPENAI_API_KEY" in os.environ)
            result = {"content": [{"type": "text", "text": text}]}
        case _:
            continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


async def test_what_a_server_says_of_its_tools_decides_kind_and_question(
    stage: Stage, open_editor: OpenEditor
) -> None:
    names = ("look", "browse", "erase", "brew")
    await stage.model(in_order("\n".join(call(f"mcp__kinds__{name}") for name in names), "say: ok"))
    env = [schema.EnvVariable(name="GIVEN", value="as named")]
    server = schema.McpServerStdio(name="kinds", command=sys.executable, args=["-c", KINDS], env=env)
    editor = await open_editor()
    session = await editor.open(mcp_servers=[server])
    assert await session.ask("all") == "end_turn"
    assert [one["kind"] for one in session.calls()] == ["read", "fetch", "delete", "other"]
    asked = [question.tool_call_id for question in editor.questions]
    assert asked == [one["toolCallId"] for one in session.calls()[1:]]
    texts = [one["content"][0]["content"]["text"] for one in session.calls()]
    assert texts == ["as named False"] * 4  # the environment it was given, and no keys of ours


@asynccontextmanager
async def listening(reply: bytes = b"") -> AsyncGenerator[tuple[str, list[str]]]:
    """An address on this machine whose visitors get `reply`, and what they asked for."""
    requests: list[str] = []

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            requests.append((await stream.receive()).decode())
            await stream.send(reply)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{port}/mcp", requests
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_gets_the_headers_named_for_it_and_its_refusal_says_what_to_do(
    stage: Stage, open_editor: OpenEditor, transport: str
) -> None:
    no = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    header = schema.HttpHeader(name="X-Team", value="tea-drinkers")
    editor = await open_editor("say: I can still talk.")
    async with listening(no) as (url, requests):
        server = (
            schema.HttpMcpServer(type="http", name="closed", url=url, headers=[header])
            if transport == "http"
            else schema.SseMcpServer(type="sse", name="closed", url=url, headers=[header])
        )
        session = await editor.open(mcp_servers=[server])
        assert await session.ask("hi") == "end_turn"
    assert "x-team: tea-drinkers" in requests[0].lower()
    assert SECRET not in "".join(requests)
    warning = session.text().removesuffix("I can still talk.")
    assert "`closed`" in warning
    assert "401" in warning


# --- the user's changes in the middle ---------------------------------------------------------------------


async def test_every_answer_about_options_has_all_of_them(open_editor: OpenEditor, stage: Stage) -> None:
    editor = await open_editor("say: ok")
    cwd = str(stage.cwd)
    opened = await editor.connection.new_session(cwd)
    await editor.connection.prompt(opened.session_id, [acp.text_block("hi")])
    loaded = await editor.connection.load_session(cwd, opened.session_id, [])
    resumed = await editor.connection.resume_session(opened.session_id, cwd, mcp_servers=[])
    set_ = await editor.connection.set_config_option("mode", opened.session_id, "plan")
    lists = [answer.config_options or [] for answer in (opened, loaded, resumed, set_)]
    assert [list(group) for group, _ in groupby([option.id for option in one] for one in lists)] == [
        [option.id for option in lists[0]]
    ]
    assert {"mode", "model"} <= {option.id for option in lists[0]}
    assert all(option.current_value is not None for one in lists for option in one)


async def test_a_link_in_a_prompt_is_not_opened_on_the_network(stage: Stage, open_editor: OpenEditor) -> None:
    async with listening() as (url, requests):
        model = await stage.model(f"say: ![picture]({url})")
        session = await (await open_editor()).open()
        blocks: list[Any] = [acp.text_block(f"look at {url}"), acp.resource_link_block(name="page", uri=url)]
        answer = await session.editor.connection.prompt(session.id, blocks)
        assert answer.stop_reason == "end_turn"
    assert url in conversation(model.requests[0])
    assert requests == []


async def test_an_unknown_method_is_refused_and_an_unknown_notification_is_not_answered(stage: Stage) -> None:
    client = RawClient(await stage.agent())
    await client.initialize()
    client.agent.polite_client = False
    await client.notify("_vendor/news", {"any": "thing"})
    await client.notify("nobody/knows", {})
    assert (await client.ask("_vendor/ask", {"any": "thing"}))["error"]["code"] == -32601
    assert (await client.ask("fs/read_text_file", {}))["error"]["code"] == -32601
    assert len([line for line in client.agent.log if line.sender == "agent"]) == 3
