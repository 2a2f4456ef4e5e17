"""`_session/steering`: what is said into a running turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio.lowlevel

from tests.server.replying import ReplyingProvider
from tests.server.test_connection import Client, connected

PROMPT_REQUIRED = {"steering": {"idleBehavior": "promptRequired"}}


def said(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


async def running(client: Client, model: ReplyingProvider, cwd: Path) -> tuple[str, dict[str, object]]:
    """A session in the middle of an answer to `first`, and the request that asked for it."""
    session_id = await client.new_session(cwd)
    prompt = client.request("session/prompt", sessionId=session_id, prompt=said("first"))
    await client.send(prompt)
    await model.wait_asked()
    return session_id, prompt


async def steer(client: Client, session_id: str, text: str, **more: object) -> Any:
    return await client.result("_session/steering", sessionId=session_id, prompt=said(text), **more)


async def test_the_running_turn_takes_up_what_is_said_into_it_before_its_next_request(tmp_path: Path) -> None:
    model = ReplyingProvider(held=True)
    async with connected(provider=model) as client:
        session_id, prompt = await running(client, model, tmp_path)
        for text in ("no, this", "and that"):
            assert await steer(client, session_id, text) == {"outcome": "injected"}
        model.held = False
        model.release()
        answer = await client.answer()
        assert (answer["id"], answer["result"]["stopReason"]) == (prompt["id"], "end_turn")
        assert [model.told(n) for n in range(len(model.requests))] == [
            ["first"],
            ["first", "answer 1", "no, this", "and that"],
        ]
        assert client.text == "answer 1answer 2"


async def test_what_was_said_into_a_turn_is_replayed_in_its_place(tmp_path: Path) -> None:
    model = ReplyingProvider(held=True)
    async with connected(provider=model) as client:
        session_id, _ = await running(client, model, tmp_path)
        await steer(client, session_id, "no, this")
        assert [update["sessionUpdate"] for update in client.updates].count("user_message_chunk") == 0
        model.held = False
        model.release()
        await client.answer()
        client.updates.clear()
        await client.result("session/load", sessionId=session_id, cwd=str(tmp_path), mcpServers=[])
        chunks = [update for update in client.updates if update["sessionUpdate"].endswith("_chunk")]
        told = "".join(
            chunk["content"]["text"] + "|" * (chunk["sessionUpdate"][0] == "u") for chunk in chunks
        )
        assert told == "first|answer 1no, this|answer 2"


async def test_what_is_attached_to_it_reaches_the_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk", encoding="utf-8")
    model = ReplyingProvider(held=True)
    async with connected(provider=model) as client:
        session_id, _ = await running(client, model, tmp_path)
        link = {"type": "resource_link", "name": "notes.txt", "uri": (tmp_path / "notes.txt").as_uri()}
        await client.result("_session/steering", sessionId=session_id, prompt=[link])
        model.held = False
        model.release()
        await client.answer()
        assert "remember the milk" in model.told()[-1]


async def test_without_a_turn_the_client_is_told_to_prompt_if_it_wants_that(tmp_path: Path) -> None:
    model = ReplyingProvider()
    async with connected(provider=model) as client:
        session_id = await client.new_session(tmp_path)
        answer = await steer(client, session_id, "hello", _meta=PROMPT_REQUIRED)
        assert answer == {"outcome": "promptRequired", "reason": "noRunningTurn"}
        await client.prompt(session_id, "hello")
        assert model.told() == ["hello"]


async def test_without_a_turn_it_becomes_one_of_its_own(tmp_path: Path) -> None:
    model = ReplyingProvider()
    async with connected(provider=model) as client:
        session_id = await client.new_session(tmp_path)
        assert await steer(client, session_id, "hello") == {"outcome": "startedNewTurn"}
        await client.prompt(session_id, "next")
        assert model.told() == ["hello", "answer 1", "next"]


async def test_what_a_cancelled_turn_did_not_take_up_is_in_the_history(tmp_path: Path) -> None:
    model = ReplyingProvider(held=True)
    async with connected(provider=model) as client:
        session_id, _ = await running(client, model, tmp_path)
        assert await steer(client, session_id, "no, this") == {"outcome": "injected"}
        await client.send({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session_id}})
        assert (await client.answer())["result"]["stopReason"] == "cancelled"
        model.held = False
        await client.prompt(session_id, "next")
        assert model.told() == ["first", "answer ", "no, this", "next"]


async def test_a_prompt_that_waits_for_its_turn_is_steered_too(tmp_path: Path) -> None:
    model = ReplyingProvider()
    async with connected(provider=model) as client:
        session_id = await client.new_session(tmp_path)
        await client.send(
            client.request("session/prompt", sessionId=session_id, prompt=said("first")),
            client.request("_session/steering", sessionId=session_id, prompt=said("no, this")),
        )
        answers = [await client.answer(), await client.answer()]
        assert {"outcome": "injected"} in [answer["result"] for answer in answers]
        assert "no, this" in model.told()


async def test_misshapen_messages_and_unknown_sessions_are_refused(tmp_path: Path) -> None:
    async with connected() as client:
        session_id = await client.new_session(tmp_path)
        error = await client.error("_session/steering", sessionId=session_id, prompt=[None])
        assert (error["code"], error["data"]["field"]) == (-32602, "prompt[0]")
        error = await client.error("_session/steering", sessionId="nobody", prompt=said("x"))
        assert error["code"] == -32002


async def test_steering_while_a_turn_ends_is_never_lost(tmp_path: Path) -> None:
    """One moment after another: whatever it is answered, the model is told once."""
    for n_ticks in range(12):
        model = ReplyingProvider()
        async with connected(provider=model) as client:
            session_id = await client.new_session(tmp_path)
            await client.send(client.request("session/prompt", sessionId=session_id, prompt=said("first")))
            for _ in range(n_ticks):
                await anyio.lowlevel.checkpoint()
            await client.send(
                client.request("_session/steering", sessionId=session_id, prompt=said("no, this"))
            )
            await client.answer()
            await client.answer()
            await client.prompt(session_id, "next")
            told = model.told()
            assert told.count("no, this") == 1, (n_ticks, told)
            assert told.index("no, this") < told.index("next")
