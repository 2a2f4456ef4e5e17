"""The client an agent is tried with keeps what the agent runs in it away from the user's own places."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from acp_agent.conformance.requirement import requirement
from acp_agent.conformance.stage import Stage
from acp_agent.conformance.verdicts import expect
from tests.conformance.agents import agent_of, verdicts
from tests.patience import PATIENCE

RUNS_A_COMMAND = f"""\
match frame.get("method"):
    case "initialize":
        reply(frame, {{"protocolVersion": 1}})
    case "session/new":
        reply(frame, {{"sessionId": "one"}})
        told = "import os; open('told', 'w').write(os.environ['HOME'])"
        params = {{"sessionId": "one", "command": {sys.executable!r}, "args": ["-S", "-E", "-c", told]}}
        frame = {{"jsonrpc": "2.0", "id": 1, "method": "terminal/create", "params": params}}
        print(json.dumps(frame), flush=True)
"""


@requirement("terminal.places", "MUST", section="Terminals")
async def places(stage: Stage) -> int:
    """A command without a folder runs in the workspace, with the home of the agent."""
    await stage.session()
    told = stage.workspace / "told"
    with anyio.fail_after(PATIENCE):
        while not (told.exists() and told.read_text(encoding="utf-8")):  # noqa: ASYNC110 - another process
            await anyio.sleep(0.01)
    expect(told.read_text(encoding="utf-8") == str(stage.home), "it has another home")
    return 1


async def test_commands_in_terminals_know_neither_the_users_home_nor_folder(tmp_path: Path) -> None:
    report = await verdicts(agent_of(RUNS_A_COMMAND, tmp_path), (places,), patience=5)
    assert [(item.verdict, item.reason) for item in report.outcomes] == [("pass", "")]
