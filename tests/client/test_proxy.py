"""Between a client and an agent: forwarding, intercepting, chaining, recording, playing back."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.client.client import Client
from acp_agent.client.connection import Connection
from acp_agent.client.proxy import Conductor, Onward, Proxy
from acp_agent.client.recording import BadRecording, Recorder, read_recording, replay
from acp_agent.rpc.errors import RpcError
from acp_agent.rpc.framing import Frame
from acp_agent.rpc.memory import memory_transport_pair
from acp_agent.rpc.peer import Call, Peer
from acp_agent.rpc.transport import EndOfTransport, Transport
from tests.client.conftest import FakeAgent, Play, echo, to_rpc
from tests.patience import PATIENCE


@asynccontextmanager
async def through(*proxies: Proxy, **methods: Play) -> AsyncGenerator[tuple[Connection, FakeAgent]]:
    """A client and a fake agent with these proxies between them."""
    near, near_proxy = memory_transport_pair()
    far_proxy, far = memory_transport_pair()
    agent = FakeAgent({name.replace("__", "/"): play for name, play in methods.items()}, {})
    agent.peer = Peer(far, admission=agent.admit, error_from=to_rpc)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(agent.peer.serve)
            tasks.start_soon(Conductor(proxies).run, near_proxy, far_proxy)
            async with Client().connect(near) as connection:
                yield connection, agent
            tasks.cancel_scope.cancel()


async def test_what_no_proxy_names_passes_unchanged_and_in_order() -> None:
    async with (
        through(Proxy(), Proxy(), session__prompt=echo) as (client, agent),
        client.build_session("/p") as session,
    ):
        session.send_prompt("a b c d")
        assert await session.read_to_string() == "a b c d "
        session.cancel()
        with pytest.raises(RpcError, match="Method not found"):
            await client.request("_unknown", {})
        assert agent.seen == [("session/cancel", {"sessionId": "s1"})]


async def test_a_proxy_changes_what_it_names() -> None:
    proxy = Proxy()

    @proxy.on_request("session/prompt")
    async def shout(params: Any, onward: Onward) -> Any:
        params["prompt"][0]["text"] = params["prompt"][0]["text"].upper()
        return await onward.request("session/prompt", params)

    @proxy.on_notification("session/update", source="agent")
    async def twice(params: Any, onward: Onward) -> None:
        onward.notify("session/update", params)
        onward.notify("session/update", params)

    async with (
        through(proxy, session__prompt=echo) as (client, _),
        client.build_session("/p") as session,
    ):
        session.send_prompt("hello")
        assert await session.read_to_string() == "HELLO HELLO "


async def test_a_proxy_tells_the_side_a_message_came_from_what_it_likes() -> None:
    near, far = Proxy(), Proxy()

    @near.on_request("session/prompt")
    async def announce(params: Any, onward: Onward) -> Any:
        content: JsonObject = {"type": "text", "text": "one moment "}
        update: JsonObject = {"sessionUpdate": "agent_message_chunk", "content": content}
        onward.notify_back("session/update", {"sessionId": params["sessionId"], "update": update})
        return await onward.unchanged()

    @far.on_notification("session/update", source="agent")
    async def confirm(params: Any, onward: Onward) -> None:
        onward.notify_back("_heard", {"text": params["update"]["content"]["text"]})
        await onward.unchanged()

    async with (
        through(near, far, session__prompt=echo) as (client, agent),
        client.build_session("/p") as session,
    ):
        assert await session.prompt("hello you") == "one moment hello you "
        with pytest.raises(RpcError):
            await client.request("_unknown", {})
        assert agent.seen == [("_heard", {"text": "hello "}), ("_heard", {"text": "you "})]


@pytest.mark.parametrize("pauses", [(3, 0, 0), (0, 2, 0), (1, 5, 1), (9, 0, 4)])
async def test_nothing_overtakes_what_a_proxy_takes_its_time_for(pauses: tuple[int, ...]) -> None:
    proxy = Proxy()
    at_prompt, at_update, at_cancel = pauses

    @proxy.on_request("session/prompt")
    async def think(params: Any, onward: Onward) -> Any:
        await pause(at_prompt)
        return await onward.request("session/prompt", params)

    @proxy.on_notification("session/update", source="agent")
    async def ponder(params: Any, onward: Onward) -> None:
        await pause(at_update if params["update"]["content"]["text"] == "a " else 0)
        onward.notify("session/update", params)

    @proxy.on_notification("session/cancel")
    async def hesitate(params: Any, onward: Onward) -> None:
        await pause(at_cancel)
        onward.notify("session/cancel", params)

    async def play(agent: FakeAgent, call: Call) -> Any:
        agent.seen.append((call.method, None))
        return await echo(agent, call)

    async with (
        through(proxy, Proxy(), session__prompt=play) as (client, agent),
        client.build_session("/p") as session,
    ):
        session.send_prompt("a b c")
        session.cancel()
        client.notify("_done", {})
        assert await session.read_to_string() == "a b c "
        with pytest.raises(RpcError):
            await client.request("_unknown", {})
        assert [method for method, _ in agent.seen] == ["session/prompt", "session/cancel", "_done"]


async def pause(turns: int) -> None:
    """Let everybody else go on that many times."""
    for _ in range(turns):
        await anyio.lowlevel.checkpoint()


class SlowToRead:
    """The proxy's end towards a client that reads nothing before `may_read`."""

    def __init__(self, transport: Transport) -> None:
        self.may_read = anyio.Event()
        self._transport = transport

    async def receive(self) -> Frame:
        return await self._transport.receive()

    async def send(self, lines: bytes) -> None:
        await self.may_read.wait()
        await self._transport.send(lines)

    async def aclose(self) -> None:
        await self._transport.aclose()


async def test_what_an_agent_said_before_its_end_reaches_a_client_that_reads_late() -> None:
    near, near_proxy = memory_transport_pair()
    far_proxy, far = memory_transport_pair()
    slow = SlowToRead(near_proxy)
    said = [b'{"jsonrpc":"2.0","method":"_note","params":[%d]}' % number for number in range(50)]
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Conductor([Proxy(), Proxy(), Proxy()]).run, slow, far_proxy)
            await near.send(b'{"jsonrpc":"2.0","id":1,"method":"_ask"}\n')
            await far.receive()
            await far.send(b"".join(line + b"\n" for line in said))
            await far.send(b'{"jsonrpc":"2.0","id":1,"result":"the answer"}\n')
            await far.aclose()
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            slow.may_read.set()
            heard = [await near.receive() for _ in range(51)]
            with pytest.raises(EndOfTransport):
                await near.receive()
            await near.aclose()
    assert heard[:-1] == said
    assert b"the answer" in bytes(heard[-1])


async def test_a_proxy_that_answers_by_itself_need_not_hold_others_up() -> None:
    proxy, asked = Proxy(), anyio.Event()

    @proxy.on_request("_slow")
    async def slow(params: Any, onward: Onward) -> Any:
        onward.let_others_pass()
        await asked.wait()
        return {"by": "proxy"}

    async def answer(agent: FakeAgent, call: Call) -> Any:
        return {"by": "agent"}

    async with through(proxy, _quick=answer) as (client, _):
        sent = client.send_request("_slow", {})
        assert await client.request("_quick", {}) == {"by": "agent"}
        asked.set()
        assert await sent == {"by": "proxy"}


async def test_a_withdrawn_request_is_withdrawn_behind_the_proxies() -> None:
    began, ended = anyio.Event(), anyio.Event()

    async def hang(agent: FakeAgent, call: Call) -> Any:
        began.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with through(Proxy(), Proxy(), _hang=hang) as (client, _):
        sent = client.send_request("_hang", {})
        await began.wait()
        sent.cancel()
        await ended.wait()


async def test_a_recording_is_played_back_as_the_agent(tmp_path: Path) -> None:
    output = io.StringIO()
    recording = Proxy(tap=Recorder(output, we_are="agent").tap)
    async with (
        through(recording, session__prompt=echo) as (client, _),
        client.build_session("/p") as session,
    ):
        session.send_prompt("once more")
        await session.read_to_string()
    file = tmp_path / "talk.jsonl"
    file.write_text(output.getvalue(), encoding="utf-8")

    near, far = memory_transport_pair()
    found: list[str] = []

    async def play() -> None:
        found.extend(await replay(read_recording(file), far, speaker="agent"))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(play)
            async with Client().connect(near) as connection, connection.build_session("/p") as session:
                session.send_prompt("something else")
                assert await session.read_to_string() == "once more "
    assert found == []


def test_a_recording_holds_no_keys(tmp_path: Path) -> None:
    output = io.StringIO()
    line = b'{"method":"session/new","params":{"mcpServers":[{"env":[{"name":"KEY","value":"sk-1"}]}]}}'
    Recorder(output, we_are="client").tap("out", line)
    assert "sk-1" not in output.getvalue()
    assert '"KEY"' in output.getvalue()


def test_a_broken_recording_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text('{"from": "agent", "frame": {}}\nnonsense\n', encoding="utf-8")
    with pytest.raises(BadRecording, match="line 2"):
        read_recording(file)
