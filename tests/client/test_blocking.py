"""The client for scripts: same names, no `await`."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Generator
from typing import Any

import anyio.to_thread
import pytest

from acp_agent.base.errors import ConnectionLost
from acp_agent.client.active_session import ActiveSession
from acp_agent.client.blocking import BlockingAgent, BlockingSession, connect_blocking
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.errors import AgentLost, AgentNotStarted

AGENT = """
import json, sys
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
def say(text):
    content = {"type": "text", "text": text}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    send(method="session/update", params={"sessionId": "s1", "update": update})
for line in sys.stdin:
    message = json.loads(line)
    method, params, id = message.get("method"), message.get("params"), message.get("id")
    if method == "initialize":
        send(id=id, result={"protocolVersion": 1, "agentInfo": {"name": "tiny", "version": "1"}})
    elif method == "session/new":
        modes = {"currentModeId": "ask", "availableModes": []}
        send(id=id, result={"sessionId": "s1", "modes": modes})
    elif method == "session/list":
        send(id=id, result={"sessions": [{"sessionId": "s1"}]})
    elif method == "session/set_mode":
        send(id=id, result={})
    elif method == "session/cancel":
        send(id=held, result={"stopReason": "cancelled"})
    elif method == "session/prompt":
        text = params["prompt"][0]["text"]
        if text == "die":
            sys.exit("out of luck")
        if text == "huge":
            print("{" + "x" * 67_108_900, flush=True)
        if text == "noise":
            print("Loading...\\n[1%] {not json\\n{]\\n\\x00", flush=True)
            send(method="session/update", params={"sessionId": "s1", "update": {"sessionUpdate": "_odd"}})
            send(method="session/update", params=7)
            send(id="nobody asked", result=None)
        say("you said ")
        say(text)
        if text == "hold":
            held = id
        else:
            send(id=id, result={"stopReason": "end_turn"})
"""
COMMAND = [sys.executable, "-c", AGENT]


@pytest.fixture
def agent() -> Generator[BlockingAgent]:
    with connect_blocking(COMMAND) as agent:
        yield agent


def test_a_script_prompts_and_streams(agent: BlockingAgent) -> None:
    assert agent.agent["agentInfo"] == {"name": "tiny", "version": "1"}
    with agent.session() as session:
        assert session.prompt("hello") == "you said hello"
        assert [update.text for update in session.stream("more")] == ["you said ", "more"]
        assert session.conversation.stop_reason == "end_turn"
        session.set_mode("plan")
        assert session.mode == "plan"
    assert agent.all_sessions() == [{"sessionId": "s1"}]
    assert agent.request("session/list", {}) == {"sessions": [{"sessionId": "s1"}]}


def test_a_loop_left_early_cancels_its_turn(agent: BlockingAgent) -> None:
    with agent.session() as session:
        for update in session.stream("hold"):
            assert update.text == "you said "
            break
        assert session.conversation.stop_reason == "cancelled"
        assert session.prompt("next") == "you said next"


def test_another_thread_cancels_a_turn(agent: BlockingAgent) -> None:
    with agent.session() as session:
        said: list[str] = []
        thread = threading.Thread(target=lambda: said.append(session.prompt("hold")))
        thread.start()
        while "hold" not in session.conversation.text:
            pass
        session.cancel()
        thread.join(5)
        assert said == ["you said hold"]


async def test_it_works_inside_a_running_event_loop() -> None:
    def script() -> str:
        with connect_blocking(COMMAND) as agent, agent.session() as session:
            return session.prompt("hi")

    assert script() == "you said hi"
    assert await anyio.to_thread.run_sync(script) == "you said hi"


def test_errors_are_those_of_the_asynchronous_client(agent: BlockingAgent) -> None:
    with agent.session() as session, pytest.raises(AgentLost, match="out of luck"):
        session.prompt("die")
    with pytest.raises(AgentNotStarted, match="no-such-agent"), connect_blocking(["no-such-agent"]):
        pass


def test_noise_of_an_agent_does_a_script_no_harm(agent: BlockingAgent) -> None:
    with agent.session() as session:
        assert session.prompt("noise") == "you said noise"
        assert [update.kind for update in session.stream("noise")] == ["_odd", *["agent_message_chunk"] * 2]


def test_a_line_beyond_the_limit_ends_a_script_with_an_error(agent: BlockingAgent) -> None:
    with agent.session() as session, pytest.raises(AgentLost, match="a line of more than 67108864 bytes"):
        session.prompt("huge")


SILENT = "import sys; print('busy', file=sys.stderr, flush=True); sys.stdin.read()"


def test_a_script_gives_up_an_agent_that_never_speaks() -> None:
    silent = [sys.executable, "-c", SILENT]
    for hello_time in (0.5, 3, 15):  # a busy machine takes longer until it says so
        client = Client(hello_time=hello_time)
        with (
            pytest.raises(AgentLost, match="did not answer") as lost,
            connect_blocking(silent, client=client),
        ):
            pass
        if lost.value.stderr:
            break
    assert lost.value.stderr == ("busy",)
    assert sys.executable in lost.value.agent
    assert '"method":"initialize"' in lost.value.frames[0]


def test_a_script_gives_up_an_agent_that_falls_silent() -> None:
    with connect_blocking(COMMAND, silence=1) as agent, agent.session() as session:
        for read in (lambda: session.prompt("hold"), lambda: list(session.updates())):
            with pytest.raises(AgentLost, match="said nothing for 1 s") as lost:
                read()
        assert "you said" in "".join(lost.value.frames)
        session.cancel()
        assert session.read_to_string() == ""
        assert session.prompt("more") == "you said more"


def test_a_connection_of_any_kind_and_any_async_code_can_be_used() -> None:
    async def work(connection: Connection) -> Any:
        async with connection.build_session("/p") as session:
            return await session.prompt("async")

    with connect_blocking(Client().start(COMMAND)) as agent:
        assert agent.run(work) == "you said async"


def test_what_was_said_is_kept_when_the_connection_is_closed() -> None:
    with connect_blocking(COMMAND) as agent, agent.session() as session:
        session.prompt("more")
    assert session.conversation.text == "you said more"
    session.close()
    for act in (agent.session, session.cancel, lambda: session.prompt("again")):
        with pytest.raises(ConnectionLost, match="was closed"):
            act()


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def test_the_names_are_those_of_the_asynchronous_client() -> None:
    renamed = {"aclose": "close"}
    not_for_scripts = {"connection", "detach", "leave_turn", "read_out"}
    expected = {renamed.get(name, name) for name in public(ActiveSession) - not_for_scripts}
    assert public(BlockingSession) == expected | {"conversation"}  # there, an attribute
    builders = {"build_session", "build_session_cwd", "build_session_from"}
    asynchronous = {"send_request", "spawn", "lost", "bad", "end"}
    assert public(BlockingAgent) - {"agent", "session", "run"} == public(Connection) - builders - asynchronous
