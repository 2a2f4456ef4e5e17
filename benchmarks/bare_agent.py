"""The least an agent can be: asyncio and the standard library; no validation, storage or error handling."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from benchmarks.conversation import TOOLS, Session

MODEL = urlsplit(os.environ["OPENAI_BASE_URL"])
sessions: dict[str, Session] = {}
background: set[asyncio.Task[None]] = set()


def send(message: dict[str, Any]) -> None:
    os.write(1, json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n")


def update(session: Session, **content: Any) -> None:
    send({"method": "session/update", "params": {"sessionId": session.session_id, "update": content}})


class Model:
    """One kept-alive connection; a cancelled stream closes it."""

    def __init__(self) -> None:
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def stream(self, messages: list[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        done = False
        try:
            body = json.dumps(
                {"model": "bench", "stream": True, "messages": messages, "tools": TOOLS}
            ).encode()
            head = (
                f"POST {MODEL.path}/chat/completions HTTP/1.1\r\nhost: {MODEL.netloc}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await reader.readuntil(b"\r\n\r\n")
            rest = b""
            while size := int(await reader.readline(), 16):
                *events, rest = (rest + (await reader.readexactly(size + 2))[:-2]).split(b"\n\n")
                for event in events:
                    if event != b"data: [DONE]":
                        yield json.loads(event[6:])
            await reader.readline()
            done = True
        finally:
            if done:
                self._idle.append((reader, writer))
            else:
                writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(MODEL.hostname, MODEL.port)


model = Model()


async def step(session: Session) -> list[dict[str, Any]]:
    """One model request; the tool calls it produced."""
    text: list[str] = []
    calls: list[dict[str, Any]] = []
    async for chunk in model.stream(session.messages):
        for choice in chunk["choices"]:
            delta = choice["delta"]
            calls += delta.get("tool_calls", [])
            if delta.get("content"):
                text.append(delta["content"])
                block = {"type": "text", "text": delta["content"]}
                update(session, sessionUpdate="agent_message_chunk", content=block)
    session.messages.append({"role": "assistant", "content": "".join(text), "tool_calls": calls})
    return calls


async def turn(session: Session) -> str:
    while calls := await step(session):
        for call in calls:
            path = os.path.join(session.cwd, json.loads(call["function"]["arguments"])["path"])
            update(session, sessionUpdate="tool_call", toolCallId=call["id"], title=f"ls {path}", kind="read")
            listing = "\n".join(sorted(os.listdir(path)))
            session.messages.append({"role": "tool", "tool_call_id": call["id"], "content": listing})
            update(session, sessionUpdate="tool_call_update", toolCallId=call["id"], status="completed")
    return "end_turn"


async def prompt(request: dict[str, Any]) -> None:
    session = sessions[request["params"]["sessionId"]]
    session.messages.append({"role": "user", "content": request["params"]["prompt"][0]["text"]})
    session.turn = asyncio.create_task(turn(session))
    await asyncio.wait([session.turn])
    reason = "cancelled" if session.turn.cancelled() else session.turn.result()
    send({"id": request["id"], "result": {"stopReason": reason}})


def take(request: dict[str, Any]) -> None:
    match request["method"]:
        case "initialize":
            send({"id": request["id"], "result": {"protocolVersion": 1, "agentCapabilities": {}}})
        case "session/new":
            session = Session(f"sess_{len(sessions)}", request["params"]["cwd"])
            sessions[session.session_id] = session
            send({"id": request["id"], "result": {"sessionId": session.session_id}})
        case "session/prompt":
            task = asyncio.create_task(prompt(request))
            background.add(task)
            task.add_done_callback(background.discard)
        case "session/cancel":
            running = sessions[request["params"]["sessionId"]].turn
            if running is not None:
                running.cancel()
        case _:
            send({"id": request.get("id"), "error": {"code": -32601, "message": "method not found"}})


async def main() -> None:
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        take(json.loads(line))


if __name__ == "__main__":
    asyncio.run(main())
