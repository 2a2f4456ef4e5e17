"""An agent that advertises everything and does nothing of it passes only what it really shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.catalogue import REQUIREMENTS
from tests.conformance.agents import agent_of, verdicts

ADVERTISED: JsonObject = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "audio": True, "embeddedContext": True},
    "mcpCapabilities": {"http": True, "sse": True},
    "auth": {"logout": {}, "status": {}},
    "providers": {},
    "sessionCapabilities": {
        name: {}
        for name in (
            *("list", "close", "delete", "fork", "resume", "additionalDirectories"),
            *("archive", "title", "status", "systemPrompt"),
        )
    },
}

OF_THE_WIRE = ("framing", "rpc", "schema", "initialize", "robust", "extension", "process", "speed")
"""Areas about every agent that answers; what they ask is shown by answering."""

SHOWN = {
    "auth.no-surprise",
    "session.new",
    "session.ids-differ",
    *("prompt.stop-reason", "prompt.failure-told", "prompt.resource-link"),
    *("prompt.image", "prompt.audio", "prompt.embedded-resource", "session.additional-directories"),
    "cancel.idle",
    "elicitation.only-if-offered",
}
"""Sessions are opened, what is sent with prompts is taken, and nobody is asked anything."""

EMPTY_ANSWERS = {
    "auth.logout",
    "delete.again",
    "resume.without-servers",
    "load.object-result",
    "load.goes-on",
}
"""All these ask for is an answer that is no error, and prompts that are answered afterwards."""

REFUSES = 'print(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "error": NO}), flush=True)'


def idle(otherwise: str) -> str:
    """What an agent does that opens sessions and ends every turn at once, and this with all else."""
    result: JsonObject = {"protocolVersion": 1, "agentCapabilities": ADVERTISED, "authMethods": []}
    return (
        f"NO, TOLD = {{'code': -32601, 'message': 'no such method'}}, {result}\n"
        'match frame.get("method"):\n'
        '    case "initialize":\n'
        "        reply(frame, TOLD)\n"
        '    case "session/new":\n'
        '        reply(frame, {"sessionId": f"session-{frame[\'id\']}"})\n'
        '    case "session/prompt":\n'
        '        reply(frame, {"stopReason": "end_turn"})\n'
        "    case str() if 'id' in frame:\n"
        f"        {otherwise}\n"
    )


@pytest.mark.timeout(120)  # a process for each of two hundred checks
@pytest.mark.parametrize(
    ("otherwise", "shown"), [(REFUSES, SHOWN), ("reply(frame, {})", SHOWN | EMPTY_ANSWERS)]
)
async def test_what_is_advertised_and_not_done_does_not_pass(
    otherwise: str, shown: set[str], tmp_path: Path
) -> None:
    tried = tuple(item for item in REQUIREMENTS if item.area not in OF_THE_WIRE)
    report = await verdicts(agent_of(idle(otherwise), tmp_path), tried, patience=0.3, jobs=8)
    assert {item.id for item in report.outcomes if item.verdict == "pass"} - shown == set()
