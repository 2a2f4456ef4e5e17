"""The client an agent is tried with keeps commands away from the user's own places, and fills in forms."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio

from acp_agent.conformance.client_side import ANSWER
from acp_agent.conformance.reach import at
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


ASKS = """\
match frame.get("method"):
    case "initialize":
        reply(frame, {"protocolVersion": 1})
    case "session/new":
        reply(frame, {"sessionId": "one"})
        schema = {"properties": {"color": {"type": "string"}}, "required": ["color"]}
        params = {"sessionId": "one", "mode": "form", "message": "Which?", "requestedSchema": schema}
        frame = {"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": params}
        print(json.dumps(frame), flush=True)
    case None:
        result = {"sessionUpdate": "told", "result": frame["result"]}
        params = {"sessionId": "one", "update": result}
        print(json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}), flush=True)
"""


@requirement("elicitation.filled", "MUST", section="Elicitation")
async def filled_in(stage: Stage) -> int:
    """A form is filled in, also one that does not say that it is an object, as no form has to."""
    session = await stage.session()
    told = await session.seen("told")
    expect(at(told, "result", "content") == {"color": ANSWER}, f"the client answered {told}")
    expect(stage.client.answers == [ANSWER], f"the answers are {stage.client.answers}")
    return 1


async def test_a_form_is_filled_in_as_its_schema_says(tmp_path: Path) -> None:
    report = await verdicts(agent_of(ASKS, tmp_path), (filled_in,), patience=5)
    assert [(item.verdict, item.reason) for item in report.outcomes] == [("pass", "")]
