"""A thin agent on the protocol's official Python SDK with httpx, written the way its examples are."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import acp
import httpx

from benchmarks.conversation import TOOLS, Session


class SdkAgent:
    """Answers the four methods the benchmark uses."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._http = httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], timeout=60)
        self._client: acp.Client

    def on_connect(self, conn: acp.Client) -> None:
        self._client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> acp.InitializeResponse:
        return acp.InitializeResponse(protocol_version=protocol_version)

    async def new_session(self, cwd: str, **_: Any) -> acp.NewSessionResponse:
        session = Session(uuid4().hex, cwd)
        self._sessions[session.session_id] = session
        return acp.NewSessionResponse(session_id=session.session_id)

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> acp.PromptResponse:
        session = self._sessions[session_id]
        session.messages.append({"role": "user", "content": prompt[0].text})
        session.turn = asyncio.create_task(self._turn(session))
        await asyncio.wait([session.turn])
        cancelled = session.turn.cancelled()
        return acp.PromptResponse(stop_reason="cancelled" if cancelled else "end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        turn = self._sessions[session_id].turn
        if turn is not None:
            turn.cancel()

    async def _turn(self, session: Session) -> str:
        while calls := await self._step(session):
            for call in calls:
                path = os.path.join(session.cwd, json.loads(call["function"]["arguments"])["path"])
                started = acp.start_tool_call(call["id"], f"ls {path}", kind="read")
                await self._client.session_update(session.session_id, started)
                listing = "\n".join(sorted(os.listdir(path)))
                session.messages.append({"role": "tool", "tool_call_id": call["id"], "content": listing})
                done = acp.update_tool_call(call["id"], status="completed")
                await self._client.session_update(session.session_id, done)
        return "end_turn"

    async def _step(self, session: Session) -> list[dict[str, Any]]:
        text: list[str] = []
        calls: list[dict[str, Any]] = []
        async for chunk in self._stream(session.messages):
            for choice in chunk["choices"]:
                delta = choice["delta"]
                calls += delta.get("tool_calls", [])
                if delta.get("content"):
                    text.append(delta["content"])
                    content = acp.update_agent_message_text(delta["content"])
                    await self._client.session_update(session.session_id, content)
        session.messages.append({"role": "assistant", "content": "".join(text), "tool_calls": calls})
        return calls

    async def _stream(self, messages: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        body = {"model": "bench", "stream": True, "messages": messages, "tools": TOOLS}
        async with self._http.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    yield json.loads(line[6:])


if __name__ == "__main__":
    # The SDK's protocol lists every method; it answers "method not found" for those left out.
    asyncio.run(acp.run_agent(cast("acp.Agent", SdkAgent())))
