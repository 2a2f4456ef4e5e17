"""What both baseline agents share: the tool they offer and the state of one conversation."""

from __future__ import annotations

import asyncio
from typing import Any

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "ls",
            "description": "List a directory.",
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}},
                "required": ["path"],
            },
        },
    }
]


class Session:
    def __init__(self, session_id: str, cwd: str) -> None:
        self.session_id = session_id
        self.cwd = cwd
        self.messages: list[dict[str, Any]] = []
        self.turn: asyncio.Task[str] | None = None
