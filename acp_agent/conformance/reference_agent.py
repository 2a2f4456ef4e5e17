"""The agent others are measured beside: it says what the script in the prompt says, and nothing else.

A program of its own. Standard library only, so that it starts as fast as its language lets it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

MARK = "conformance-script: "


class Agent:
    """Answers one line at a time; `waiting` is the id of a prompt that is answered when it is cancelled."""

    def __init__(self) -> None:
        self.waiting: Any = None
        self.n_sessions = 0

    def serve(self, frame: dict[str, Any]) -> None:
        """Answer one message."""
        method, id = frame.get("method"), frame.get("id")
        params: dict[str, Any] = frame.get("params") or {}
        if method == "session/cancel" and self.waiting is not None:
            send({"id": self.waiting, "result": {"stopReason": "cancelled"}})
            self.waiting = None
        elif method == "session/prompt":
            self.prompt(id, params)
        elif method == "initialize":
            send({"id": id, "result": {"protocolVersion": 1, "agentCapabilities": {}, "authMethods": []}})
        elif method == "session/new":
            self.n_sessions += 1
            send({"id": id, "result": {"sessionId": f"session-{self.n_sessions}"}})
        elif "id" in frame:
            send({"id": id, "error": {"code": -32601, "message": "no such method"}})

    def prompt(self, id: Any, params: dict[str, Any]) -> None:
        """Play the script of a prompt."""
        blocks: list[dict[str, Any]] = params["prompt"]
        text = "\n".join(str(block.get("text", "")) for block in blocks)
        line = text.rpartition(MARK)[2].splitlines()[0] if MARK in text else "[]"
        steps: list[dict[str, str]] = json.loads(line)
        for step in steps:
            for word in re.findall(r"\S+\s*", step.get("text", "")):
                content = {"type": "text", "text": word}
                update = {"sessionUpdate": "agent_message_chunk", "content": content}
                told = {"sessionId": params["sessionId"], "update": update}
                send({"method": "session/update", "params": told})
            if step["do"] == "wait":
                self.waiting = id
                return
        send({"id": id, "result": {"stopReason": "end_turn"}})


def send(frame: dict[str, Any]) -> None:
    """Write one message."""
    os.write(1, json.dumps({"jsonrpc": "2.0", **frame}).encode() + b"\n")


def main() -> None:
    """Serve until stdin ends."""
    agent = Agent()
    for line in sys.stdin:
        agent.serve(json.loads(line))


if __name__ == "__main__":
    main()
