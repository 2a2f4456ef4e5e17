"""An MCP server that starts at once: it offers `slow`, which never answers. Run as a program by the tests."""

from __future__ import annotations

import json
import sys
from typing import Any

SLOW = {"name": "slow", "description": "Takes its time", "inputSchema": {"type": "object"}}

for line in sys.stdin:
    message: Any = json.loads(line)
    result: dict[str, Any]
    match message.get("method"):
        case "initialize":
            result = {
                "protocolVersion": message["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "small", "version": "1"},
            }
        case "tools/list":
            result = {"tools": [SLOW]}
        case _:
            continue
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
    sys.stdout.flush()
