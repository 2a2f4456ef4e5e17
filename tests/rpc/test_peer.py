from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from acp_agent.base.errors import ConnectionLost
from acp_agent.base.jsontext import JsonValue
from acp_agent.rpc.errors import INTERNAL_ERROR, RpcError, method_not_found
from acp_agent.rpc.memory import MemoryTransport, memory_transport_pair
from acp_agent.rpc.peer import Call, Handler, Peer
from acp_agent.rpc.transport import EndOfTransport
from tests.patience import PATIENCE


class RawClient:
    """The other side of the wire, line by line."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport

    async def send(self, *messages: object) -> None:
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode()
            await self.transport.send(line + b"\n")

    async def receive(self) -> Any:
        with anyio.fail_after(PATIENCE):
            frame = await self.transport.receive()
        assert isinstance(frame, bytes)
        return json.loads(frame)

    async def call(self, method: str, params: object = None, request_id: object = 1) -> Any:
        await self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return await self.receive()


class Handlers:
    """Methods the peer under test serves, and what happened to them."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.started = anyio.Event()
        self.release = anyio.Event()

    def admit(self, method: str, params: JsonValue) -> Handler:
        handler = getattr(self, f"serve_{method}", None)
        if handler is None:
            raise method_not_found(method)
        return handler

    async def serve_echo(self, call: Call) -> JsonValue:
        return call.params

    async def serve_wait(self, call: Call) -> JsonValue:
        self.started.set()
        try:
            await self.release.wait()
        except BaseException:
            self.log.append("cancelled")
            raise
        return "released"

    async def serve_early(self, call: Call) -> JsonValue:
        call.answer("early")
        return "late"

    async def serve_bug(self, call: Call) -> JsonValue:
        raise ValueError("secret detail")

    def take_at_once(self, method: str, params: JsonValue) -> bool:
        if method == "short":
            self.log.append(f"at once {params}")
        return method == "short"

    async def serve_short(self, call: Call) -> JsonValue:
        self.log.append(f"in turn {call.params}")
        return None

    async def serve_note(self, call: Call) -> JsonValue:
        self.log.append(f"note {call.params}")
        return None


def to_rpc(exc: Exception) -> RpcError:
    return exc if isinstance(exc, RpcError) else RpcError(INTERNAL_ERROR, "Internal error")


@asynccontextmanager
async def served(frame_limit: int = 10_000) -> AsyncGenerator[tuple[RawClient, Peer, Handlers], None]:
    ours, theirs = memory_transport_pair(frame_limit)
    handlers = Handlers()

    def preempt(params: JsonValue) -> None:
        handlers.log.append(f"preempt {params}")

    peer = Peer(
        ours,
        admission=handlers.admit,
        error_from=to_rpc,
        inline={"inline": lambda params: {"inline": params}},
        preempt={"preempt": preempt},
        at_once=handlers.take_at_once,
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.serve)
        try:
            yield RawClient(theirs), peer, handlers
        finally:
            await theirs.aclose()


@pytest.mark.parametrize("request_id", [0, 1, -7, 2**53 + 1, "a", "", "1", None])
async def test_the_answer_carries_the_id_as_it_came(request_id: object) -> None:
    async with served() as (client, _, _):
        answer = await client.call("echo", {"x": 1}, request_id)
        assert answer == {"jsonrpc": "2.0", "id": request_id, "result": {"x": 1}}


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": "\xff"}',
        b'"\\ud800"',
        b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "echo"}',
        b'{"jsonrpc": "2.0", "method": "echo", "params": "\\ud800"}',
        b"[" * 300 + b"]" * 300,
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}garbage",
    ],
)
async def test_a_line_that_is_not_json_gets_a_parse_error_and_the_next_is_served(line: bytes) -> None:
    async with served(200_000) as (client, _, _):
        await client.send(line)
        answer = await client.receive()
        assert (answer["error"]["code"], answer["id"]) == (-32700, None)
        assert (await client.call("echo", {}))["result"] == {}


ALMOST_JSON = [
    b'"\\ud800"',
    b'{"a": NaN}',
    b"1e999",
    b"[" * 300 + b"]" * 300,
]


@pytest.mark.parametrize("value", ALMOST_JSON)
@pytest.mark.parametrize("request_id", [7, "a", None])
async def test_a_call_that_cannot_be_read_is_answered_by_its_id(value: bytes, request_id: object) -> None:
    async with served(200_000) as (client, _, _):
        start = json.dumps({"jsonrpc": "2.0", "method": "echo", "id": request_id}).encode()
        await client.send(start[:-1] + b', "params": ' + value + b"}")
        answer = await client.receive()
        assert (answer["error"]["code"], answer["id"]) == (-32700, request_id)
        assert (await client.call("echo", {}))["result"] == {}


@pytest.mark.parametrize("value", ALMOST_JSON)
async def test_an_answer_that_cannot_be_read_ends_the_request_it_is_for(value: bytes) -> None:
    async with served() as (client, peer, _), anyio.create_task_group() as tasks:

        async def answer() -> None:
            request = await client.receive()
            await client.send(b'{"jsonrpc": "2.0", "id": %d, "result": %s}' % (request["id"], value))

        tasks.start_soon(answer)
        with anyio.fail_after(PATIENCE), pytest.raises(RpcError) as caught:
            await peer.request("q", {})
        assert caught.value.code == -32700
        assert (await client.call("echo", {}))["result"] == {}


@pytest.mark.parametrize(
    ("message", "request_id"),
    [
        (1, None),
        ("x", None),
        (True, None),
        (None, None),
        ([], None),
        ([{"jsonrpc": "2.0", "id": 1, "method": "echo"}], None),
        ({}, None),
        ({"foo": "bar"}, None),
        ({"jsonrpc": "1.0", "id": 3, "method": "echo"}, 3),
        ({"id": "q", "method": "echo"}, "q"),
        ({"jsonrpc": "2.0", "id": 4, "method": 5}, 4),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "echo"}, None),
        ({"jsonrpc": "2.0", "id": True, "method": "echo"}, None),
        ({"jsonrpc": "2.0", "id": {}, "method": "echo"}, None),
    ],
)
async def test_json_that_is_no_message_is_an_invalid_request(message: object, request_id: object) -> None:
    async with served() as (client, _, _):
        await client.send(message)
        answer = await client.receive()
        assert (answer["error"]["code"], answer["id"]) == (-32600, request_id)
        assert (await client.call("echo", {}))["result"] == {}


async def test_a_line_over_the_limit_is_refused_by_name_and_the_next_is_served() -> None:
    async with served(frame_limit=300) as (client, _, _):
        await client.send(b'{"jsonrpc":"2.0","id":1,"method":"echo","params":{"x":"' + b"y" * 500 + b'"}}')
        answer = await client.receive()
        assert answer["error"]["code"] == -32600
        assert "300 bytes" in answer["error"]["message"]
        assert (await client.call("echo", {}))["result"] == {}


async def test_an_unknown_method_is_told_apart_and_an_unknown_notification_ignored() -> None:
    async with served() as (client, _, _):
        await client.send({"jsonrpc": "2.0", "method": "nobody/knows"})
        assert (await client.call("nobody/knows"))["error"]["code"] == -32601


async def test_a_bug_in_a_handler_tells_the_client_no_details() -> None:
    async with served() as (client, _, _):
        answer = await client.call("bug")
        assert answer["error"]["code"] == -32603
        assert "secret" not in json.dumps(answer)


async def test_calls_are_served_while_another_one_waits() -> None:
    async with served() as (client, _, handlers):
        await client.send({"jsonrpc": "2.0", "id": "slow", "method": "wait"})
        assert (await client.call("echo", {"n": 1}))["result"] == {"n": 1}
        handlers.release.set()
        assert await client.receive() == {"jsonrpc": "2.0", "id": "slow", "result": "released"}


async def test_inline_and_preempting_calls_keep_their_place_among_the_lines() -> None:
    async with served() as (client, _, handlers):
        await client.send(
            {"jsonrpc": "2.0", "method": "preempt", "params": 1},
            {"jsonrpc": "2.0", "id": 1, "method": "inline", "params": 2},
            {"jsonrpc": "2.0", "method": "preempt", "params": 3},
        )
        assert (await client.receive())["result"] == {"inline": 2}
        assert (await client.call("echo", {}))["result"] == {}
        assert handlers.log == ["preempt 1", "preempt 3"]


async def test_a_withdrawn_request_is_cancelled_and_answered_once() -> None:
    async with served() as (client, _, handlers):
        await client.send({"jsonrpc": "2.0", "id": 7, "method": "wait"})
        await handlers.started.wait()
        cancel = {"jsonrpc": "2.0", "method": "$/cancel_request", "params": {"requestId": 7}}
        await client.send(cancel, cancel)
        answer = await client.receive()
        assert (answer["id"], answer["error"]["code"]) == (7, -32800)
        assert handlers.log == ["cancelled"]
        assert (await client.call("echo", {}))["result"] == {}


@pytest.mark.parametrize("params", [None, [], {}, {"requestId": 99}, {"requestId": 1.5}, {"requestId": True}])
async def test_cancelling_nothing_is_silent(params: object) -> None:
    async with served() as (client, _, _):
        await client.send({"jsonrpc": "2.0", "method": "$/cancel_request", "params": params})
        assert (await client.call("echo", {}))["result"] == {}


async def test_two_open_requests_with_one_id_are_both_answered() -> None:
    async with served() as (client, _, handlers):
        wait = {"jsonrpc": "2.0", "id": 5, "method": "wait"}
        await client.send(wait, wait)
        handlers.release.set()
        assert [(await client.receive())["id"] for _ in range(2)] == [5, 5]


async def test_an_early_answer_is_the_only_one() -> None:
    async with served() as (client, _, _):
        assert (await client.call("early"))["result"] == "early"
        assert (await client.call("echo", {}))["result"] == {}


async def test_messages_leave_in_the_order_they_were_sent() -> None:
    async with served() as (client, peer, _):
        for number in range(100):
            peer.notify("n", {"number": number})
        received = [(await client.receive())["params"]["number"] for _ in range(100)]
        assert received == list(range(100))


async def test_our_requests_get_their_own_answers_in_any_order() -> None:
    async with served() as (client, peer, _):
        results: dict[str, JsonValue] = {}

        async def ask(name: str) -> None:
            results[name] = await peer.request("q", {"name": name})

        async with anyio.create_task_group() as tasks:
            for name in "abc":
                tasks.start_soon(ask, name)
            asked = [await client.receive() for _ in range(3)]
            for request in reversed(asked):
                await client.send(
                    {"jsonrpc": "2.0", "id": request["id"], "result": request["params"]["name"]}
                )
        assert results == {"a": "a", "b": "b", "c": "c"}


async def test_an_error_answer_raises_with_code_and_data() -> None:
    async with served() as (client, peer, _):
        async with anyio.create_task_group() as tasks:

            async def refuse() -> None:
                request = await client.receive()
                error = {"code": -32002, "message": "no such file", "data": {"path": "x"}}
                await client.send({"jsonrpc": "2.0", "id": request["id"], "error": error})

            tasks.start_soon(refuse)
            with pytest.raises(RpcError) as caught:
                await peer.request("q", {})
        assert (caught.value.code, caught.value.data) == (-32002, {"path": "x"})


async def test_an_abandoned_request_is_withdrawn_and_its_late_answer_dropped() -> None:
    async with served() as (client, peer, _):
        with anyio.move_on_after(0.01):
            await peer.request("q", {})
        request = await client.receive()
        withdrawal = await client.receive()
        assert withdrawal["method"] == "$/cancel_request"
        assert withdrawal["params"] == {"requestId": request["id"]}
        await client.send({"jsonrpc": "2.0", "id": request["id"], "result": "late"})
        assert (await client.call("echo", {}))["result"] == {}


async def test_a_request_that_takes_too_long_times_out() -> None:
    async with served() as (_, peer, _):
        with pytest.raises(TimeoutError):
            await peer.request("q", {}, timeout=0.01)


@pytest.mark.parametrize(
    "answer",
    [{"id": 99, "result": 1}, {"id": "x", "error": {"code": 1, "message": "m"}}, {"id": None, "result": 1}],
)
async def test_answers_to_nothing_are_ignored(answer: dict[str, object]) -> None:
    async with served() as (client, _, _):
        await client.send({"jsonrpc": "2.0", **answer})
        assert (await client.call("echo", {}))["result"] == {}


@pytest.mark.parametrize("error", [None, 5, "x", {}, {"code": "a"}, {"message": 3}])
async def test_a_malformed_answer_ends_the_request_it_names(error: object) -> None:
    async with served() as (client, peer, _), anyio.create_task_group() as tasks:

        async def answer() -> None:
            request = await client.receive()
            body = {"result": 1} if error is None else {"error": error}
            await client.send({"jsonrpc": "2.0", "id": request["id"], **body})

        tasks.start_soon(answer)
        with anyio.fail_after(PATIENCE):
            if error is None:
                assert await peer.request("q", {}) == 1
            else:
                with pytest.raises(RpcError):
                    await peer.request("q", {})


async def test_the_end_of_the_other_side_ends_handlers_requests_and_the_peer() -> None:
    ours, theirs = memory_transport_pair()
    handlers = Handlers()
    peer = Peer(ours, admission=handlers.admit, error_from=to_rpc)
    client = RawClient(theirs)
    lost: list[str] = []

    async def ask() -> None:
        try:
            await peer.request("q", {})
        except ConnectionLost:
            lost.append("lost")

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.serve)
            await client.send({"jsonrpc": "2.0", "id": 1, "method": "wait"})
            await handlers.started.wait()
            tasks.start_soon(ask)
            await client.receive()
            await theirs.aclose()
    assert (handlers.log, lost) == (["cancelled"], ["lost"])
    with pytest.raises(ConnectionLost):
        await peer.request("q", {})
    with pytest.raises(EndOfTransport):
        await ours.receive()


async def test_notifications_that_came_before_the_end_are_handled_to_their_end() -> None:
    ours, theirs = memory_transport_pair()
    order = anyio.Lock(fast_acquire=True)
    handled: list[JsonValue] = []

    def admit(method: str, params: JsonValue) -> Handler:
        async def take(call: Call) -> JsonValue:
            async with order:
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
                handled.append(call.params)
            return None

        return take

    client = RawClient(theirs)
    for number in range(3):
        await client.send({"jsonrpc": "2.0", "method": "note", "params": [number]})
    await theirs.aclose()
    with anyio.fail_after(PATIENCE):
        await Peer(ours, admission=admit, error_from=to_rpc).serve()
    assert handled == [[0], [1], [2]]


async def test_an_answer_that_was_on_its_way_counts_though_nothing_can_be_written_any_more() -> None:
    class Broken:
        """The other side stopped reading, and answers before it goes."""

        def __init__(self) -> None:
            self.failed = anyio.Event()
            self.frames = [b'{"jsonrpc":"2.0","id":1,"result":"the answer"}']

        async def receive(self) -> bytes:
            await self.failed.wait()
            await anyio.lowlevel.checkpoint()
            if not self.frames:
                raise EndOfTransport
            return self.frames.pop()

        async def send(self, lines: bytes) -> None:
            if b"note" in lines:
                self.failed.set()
                raise ConnectionLost("nobody reads")

        async def aclose(self) -> None:
            pass

    peer = Peer(Broken(), admission=Handlers().admit, error_from=to_rpc)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer.serve)
            sent = peer.send("q", {})
            await anyio.lowlevel.checkpoint()
            peer.notify("note", {})
            assert await peer.result_of(sent) == "the answer"


async def test_a_notification_whose_handler_never_ends_does_not_keep_the_peer_from_ending() -> None:
    ours, theirs = memory_transport_pair()
    handlers = Handlers()
    client = RawClient(theirs)
    await client.send({"jsonrpc": "2.0", "method": "wait"})
    await theirs.aclose()
    with anyio.fail_after(30):
        await Peer(ours, admission=handlers.admit, error_from=to_rpc).serve()
    assert handlers.log == ["cancelled"]


async def test_draining_waits_for_a_slow_reader() -> None:
    class Clogged:
        """A transport whose other side does not read until told to."""

        def __init__(self) -> None:
            self.unclog = anyio.Event()
            self.sent = 0

        async def receive(self) -> bytes:
            await self.unclog.wait()
            raise EndOfTransport

        async def send(self, lines: bytes) -> None:
            await self.unclog.wait()
            self.sent += len(lines)

        async def aclose(self) -> None:
            pass

    transport = Clogged()
    peer = Peer(transport, admission=Handlers().admit, error_from=to_rpc)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(peer.serve)
        await peer.drain()
        for _ in range(9):
            peer.notify("n", {"text": "x" * 1024 * 1024})
        with anyio.move_on_after(0.01) as waited:
            await peer.drain()
        assert waited.cancelled_caught
        transport.unclog.set()
        with anyio.fail_after(PATIENCE):
            await peer.drain()
    assert transport.sent > 9 * 1024 * 1024


async def test_a_notification_acts_after_the_calls_read_before_it_have_begun() -> None:
    async with served() as (client, _, handlers):
        wait = {"jsonrpc": "2.0", "id": 1, "method": "wait"}
        note = {"jsonrpc": "2.0", "method": "preempt", "params": "now"}
        await client.transport.send(json.dumps(wait).encode() + b"\n" + json.dumps(note).encode() + b"\n")
        await handlers.started.wait()
        assert (await client.call("echo", {}, 2))["result"] == {}
        assert handlers.log == ["preempt now"]
        handlers.release.set()
        assert (await client.receive())["result"] == "released"


async def test_a_result_that_comes_too_late_is_given_to_whoever_cleans_up_after_it() -> None:
    async with served() as (client, peer, _):
        late: list[JsonValue] = []
        with anyio.move_on_after(0.01):
            await peer.request("q", {}, late=late.append)
        request = await client.receive()
        await client.receive()
        await client.send({"jsonrpc": "2.0", "id": request["id"], "result": "a terminal"})
        assert (await client.call("echo", {}))["result"] == {}
        assert late == ["a terminal"]


async def test_what_can_be_done_at_once_never_overtakes_what_came_before_it() -> None:
    async with served() as (client, peer, handlers):
        first, second, third = ({"jsonrpc": "2.0", "method": "short", "params": [n]} for n in (1, 2, 3))
        note = {"jsonrpc": "2.0", "method": "note", "params": ["x"]}
        await client.send(b"\n".join(json.dumps(message).encode() for message in (first, note, second)))
        await client.call("echo")
        await client.send(third)
        await client.call("echo")
        assert handlers.log == ["at once [1]", "note ['x']", "in turn [2]", "at once [3]"]

        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                handlers.log.append(f"answered {await peer.request('ask', {})}")

            tasks.start_soon(ask)
            asked = await client.receive()
            answer = {"jsonrpc": "2.0", "id": asked["id"], "result": "y"}
            await client.send(b"\n".join(json.dumps(message).encode() for message in (answer, first)))
        await client.call("echo")
        assert handlers.log[-2:] == ["answered y", "in turn [1]"]
