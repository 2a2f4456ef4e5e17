"""An agent on the official Python SDK; what it does with a prompt depends on its words."""

from __future__ import annotations

import asyncio
from typing import Any

import acp
from acp import schema


class SdkAgent(acp.Agent):
    """Keeps what was said, asks for permission, reads files, calls the first MCP server it was given."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}
        self.servers: dict[str, list[Any]] = {}
        self.cancelled = asyncio.Event()

    def on_connect(self, conn: acp.Client) -> None:
        self.client = conn

    async def initialize(self, protocol_version: int, *_: Any, **__: Any) -> acp.InitializeResponse:
        return acp.InitializeResponse(
            protocol_version=protocol_version,
            agent_info=schema.Implementation(name="sdk", version="1"),
            agent_capabilities=schema.AgentCapabilities(load_session=True),
        )

    async def new_session(self, cwd: str, mcp_servers: Any = None, **_: Any) -> acp.NewSessionResponse:
        session_id = f"s{len(self.said) + 1}"
        self.said[session_id] = []
        self.servers[session_id] = mcp_servers or []
        return acp.NewSessionResponse(session_id=session_id)

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> acp.LoadSessionResponse:
        for text in self.said.get(session_id, []):
            await self.client.session_update(session_id, acp.update_user_message_text(text))
        return acp.LoadSessionResponse()

    async def prompt(self, session_id: str, prompt: Any, **_: Any) -> acp.PromptResponse:
        text = prompt[0].text
        said = self.said[session_id]
        said.append(text)
        match text.split()[0]:
            case "permission":
                option = schema.PermissionOption(option_id="yes", name="Yes", kind="allow_once")
                call = schema.ToolCallUpdate(tool_call_id="c1", title="Do it")
                answer = await self.client.request_permission(
                    session_id=session_id, tool_call=call, options=[option]
                )
                reply = answer.outcome.outcome
            case "read":
                reply = (
                    await self.client.read_text_file(session_id=session_id, path=text.split()[1])
                ).content
            case "tool":
                reply = await call_tool(self.servers[session_id][0].url)
            case "hold":
                await self.cancelled.wait()
                return acp.PromptResponse(stop_reason="cancelled")
            case "fail":
                raise acp.RequestError.internal_error({"details": "no model"})
            case _:
                reply = f"{len(said)}: {text}"
        for word in reply.split(" "):
            await self.client.session_update(session_id, acp.update_agent_message_text(f"{word} "))
        return acp.PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.cancelled.set()


async def call_tool(url: str) -> str:
    """Ask an MCP server's first tool."""
    from mcp import Client

    async with Client(url) as client:
        tools = await client.list_tools()
        result = await client.call_tool(tools.tools[0].name, {"zone": "Rome"})
        return str(getattr(result.content[0], "text", ""))


if __name__ == "__main__":
    asyncio.run(acp.run_agent(SdkAgent()))
