"""A client made with the official Python SDK: `sdk_client.py AGENT...`."""

# pyright: basic
from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import acp
import anyio
from acp import schema


class Reader(acp.Client):
    """Allows everything, and reads and writes the files it is asked for."""

    async def request_permission(self, options: Any, **_: Any) -> Any:
        outcome = schema.AllowedOutcome(outcome="selected", option_id=options[0].option_id)
        return acp.RequestPermissionResponse(outcome=outcome)

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        """Nothing is drawn."""

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> Any:
        try:
            text = await anyio.Path(path).read_text(encoding="utf-8")
        except OSError as exc:
            raise acp.RequestError(-32002, "no such file") from exc
        lines = text.splitlines(keepends=True)
        first = (line or 1) - 1
        return acp.ReadTextFileResponse(
            content="".join(lines[first : None if limit is None else first + limit])
        )

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> Any:
        await anyio.Path(path).write_text(content, encoding="utf-8")
        return acp.WriteTextFileResponse()

    async def create_terminal(self, **_: Any) -> Any:
        raise acp.RequestError.method_not_found("terminal/create")

    async def create_elicitation(self, **_: Any) -> Any:
        raise acp.RequestError.method_not_found("elicitation/create")

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        raise acp.RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Extensions are passed over."""


async def main() -> None:
    async with acp.spawn_agent_process(Reader(), *sys.argv[1:]) as (agent, _):
        files = schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
        greeting = await agent.initialize(
            protocol_version=acp.PROTOCOL_VERSION,
            client_capabilities=schema.ClientCapabilities(fs=files),
            client_info=schema.Implementation(name="sdk-client", version="1.0"),
        )
        if greeting.protocol_version != acp.PROTOCOL_VERSION:
            raise SystemExit("the agent speaks another version")
        session = await agent.new_session(cwd=os.getcwd(), mcp_servers=[])
        prompt = schema.TextContentBlock(type="text", text=sys.stdin.readline())
        await agent.prompt(session_id=session.session_id, prompt=[prompt])


if __name__ == "__main__":
    asyncio.run(main())
