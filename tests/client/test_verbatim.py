"""What a chain of proxies hands on is what came, whatever is in it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.client.proxy import Conductor, Onward, Proxy
from acp_agent.rpc.framing import Oversized
from acp_agent.rpc.memory import MemoryTransport, memory_transport_pair
from tests.patience import PATIENCE

numbers = st.one_of(
    st.sampled_from(["0", "-0", "-0.0", "1.0", "1e5", "1E+2", "1e400", "-1e-400", "0.10000000000000000555"]),
    st.integers(min_value=-(10**40), max_value=10**40).map(str),
)
strings = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(json.dumps),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
    st.sampled_from(['"\\/"', '"\\u0041"', '"\\ud83d\\ude00"']),
)


def lists(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda items: f"[{' , '.join(items)}]")


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """With members in any order, some of them twice."""
    members = st.lists(st.tuples(st.sampled_from(['"a"', '"_meta"', '"a"', '"id"']), values), max_size=4)
    return members.map(lambda pairs: "{" + ",".join(f"{key}: {value}" for key, value in pairs) + "}")


values = st.recursive(
    st.one_of(numbers, strings, st.sampled_from(["null", "true"])),
    lambda inner: lists(inner) | objects(inner),
)


class Line:
    """One line as it arrived."""

    def __init__(self, text: bytes) -> None:
        self.text = text.decode()
        self.id = json.loads(text).get("id")


async def hear(transport: MemoryTransport) -> Line:
    frame = await transport.receive()
    assert not isinstance(frame, Oversized)
    return Line(frame)


async def say(transport: MemoryTransport, text: str) -> None:
    await transport.send(text.encode() + b"\n")


@asynccontextmanager
async def chain(*proxies: Proxy) -> AsyncGenerator[tuple[MemoryTransport, MemoryTransport]]:
    """Both ends of a chain."""
    client, near = memory_transport_pair()
    far, agent = memory_transport_pair()
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Conductor(proxies).run, near, far)
            yield client, agent
            tasks.cancel_scope.cancel()
    for transport in (client, near, far, agent):
        await transport.aclose()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=objects(values), result=values, data=values)
async def test_every_value_passes_a_chain_as_it_was_written(params: str, result: str, data: str) -> None:
    error = f'{{"code":-1,"message":"no","data":{data},"extra":{data}}}'
    async with chain(Proxy(), Proxy()) as ends:
        for here, there in (ends, ends[::-1]):
            await say(here, f'{{"jsonrpc":"2.0","method":"_told","params":{params}}}')
            assert (await hear(there)).text.endswith(f'"params":{params}}}')
            for answer in (f'"result":{result}', f'"error":{error}'):
                await say(here, f'{{"jsonrpc":"2.0","id":7,"method":"_asked","params":{params}}}')
                asked = await hear(there)
                assert asked.text.endswith(f'"params":{params}}}')
                await say(there, f'{{"jsonrpc":"2.0","id":{asked.id},{answer}}}')
                assert (await hear(here)).text == f'{{"jsonrpc":"2.0","id":7,{answer}}}'


@pytest.mark.parametrize("request_id", ["123456789012345678901234567890", '"7"', "null", "-1"])
async def test_requests_with_the_same_id_are_each_answered_under_it(request_id: str) -> None:
    async with chain(Proxy()) as (client, agent):
        for method in ("_a", "_b"):
            await say(client, f'{{"jsonrpc":"2.0","id":{request_id},"method":"{method}"}}')
        first, second = await hear(agent), await hear(agent)
        assert first.id != second.id
        for asked, word in ((second, "b"), (first, "a")):
            await say(agent, f'{{"jsonrpc":"2.0","id":{asked.id},"result":"{word}"}}')
            assert (await hear(client)).text == f'{{"jsonrpc":"2.0","id":{request_id},"result":"{word}"}}'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"jsonrpc":"2.0","id":1.5,"method":"_a"}', "`id` must be"),
        (b'{"jsonrpc":"2.0","id":1,"method":"_a","params":{"a":"\xff"}}', "Parse error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"_a","params":{"a":NaN}}', "Parse error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"_a","params":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested"),
        (b"[1]", "a batch"),
    ],
)
async def test_what_is_no_message_is_refused_and_not_handed_on(line: bytes, told: str) -> None:
    async with chain(Proxy()) as (client, agent):
        await client.send(line + b"\n")
        assert told in (await hear(client)).text
        await say(client, '{"jsonrpc":"2.0","method":"_next"}')
        assert "_next" in (await hear(agent)).text


async def test_a_handler_that_only_looks_lets_a_message_go_on_as_it_came() -> None:
    looking, seen = Proxy(), list[object]()

    @looking.on_request("_asked")
    async def look(params: Any, onward: Onward) -> Any:
        seen.append(params["n"])
        return await onward.unchanged()

    @looking.on_notification("_told", source="agent")
    async def look_back(params: Any, onward: Onward) -> None:
        seen.append(params["n"])
        await onward.unchanged()

    async with chain(looking) as (client, agent):
        await say(client, '{"jsonrpc":"2.0","id":1,"method":"_asked","params":{"n":1E2}}')
        asked = await hear(agent)
        assert asked.text.endswith('"params":{"n":1E2}}')
        await say(agent, '{"jsonrpc":"2.0","method":"_told","params":{"n":0,"n":1}}')
        assert (await hear(client)).text.endswith('"params":{"n":0,"n":1}}')
        await say(agent, f'{{"jsonrpc":"2.0","id":{asked.id},"result":1e400}}')
        assert (await hear(client)).text.endswith('"result":1e400}')
        await say(client, '{"jsonrpc":"2.0","id":2,"method":"_asked","params":{"n":1e400}}')
        assert "the proxy cannot read them" in (await hear(client)).text
    assert seen == [100.0, 1]
