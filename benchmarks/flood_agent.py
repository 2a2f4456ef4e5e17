"""An agent that answers at once: `flood N` sends N updates before the stop reason, other prompts none."""

from __future__ import annotations

import json
import sys
from typing import Any

UPDATE = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "some words more "}}


def main() -> None:
    """Serve standard input to its end."""
    told = json.dumps(
        {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": UPDATE}}
    )
    results: dict[str, Any] = {
        "initialize": {"protocolVersion": 1, "agentCapabilities": {}},
        "session/new": {"sessionId": "s"},
        "session/prompt": {"stopReason": "end_turn"},
    }
    for line in sys.stdin:
        message = json.loads(line)
        if message["method"] not in results:
            continue
        if message["method"] == "session/prompt":
            command, _, number = message["params"]["prompt"][0]["text"].partition(" ")
            if command == "flood":
                sys.stdout.write(f"{told}\n" * int(number))
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
