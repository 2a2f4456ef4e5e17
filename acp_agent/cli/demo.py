"""`acp-agent demo`: a whole session in front of your eyes, with no key and no network.

A client starts the agent as an editor would, attaches an MCP server, prompts, answers permission requests.
The embedded model plays a script; everything else is real, and checked at the end.
"""

from __future__ import annotations

import os
import sys
import tempfile
from argparse import Namespace
from pathlib import Path

import anyio

from acp_agent.base.jsontext import JsonObject
from acp_agent.cli import exits
from acp_agent.cli.prompt import OWN_AGENT, Approver, run_prompt

SCRIPT = Path(__file__).with_name("demo.script")
BROKEN = 'print("Helo, world!")\n'
REPAIRED = 'print("Hello, world!")\n'
MCP_SERVER: JsonObject = {
    "name": "demo",
    "command": sys.executable,
    "args": ["-P", "-m", "acp_agent.testing.demo_mcp"],
    "env": [],
}


def main(_args: Namespace) -> int:
    """Run the demonstration; fails if any part of it did not really happen."""
    with tempfile.TemporaryDirectory(prefix="acp-agent-demo-") as folder:
        project = Path(folder).resolve() / "project"
        project.mkdir()
        file = project / "greeting.py"
        file.write_text(BROKEN, encoding="utf-8")
        sys.stderr.write(f"starting the agent in {project}\n> repair the greeting\n\n")
        approver = Approver(always=True, interactive=False)
        command = [*OWN_AGENT, "--script", str(SCRIPT), "--store", "memory:"]
        environment = {**os.environ, "ACP_AGENT_HOME": folder, "ACP_AGENT_MODE": "ask"}
        code = anyio.run(
            run_prompt, command, project, "repair the greeting", approver, False, [MCP_SERVER], environment
        )
        if code != exits.OK:
            return code
        if file.read_text(encoding="utf-8") != REPAIRED or not approver.asked:
            exits.report("the demonstration did not do what it should", "run `acp-agent doctor`")
            return exits.FAILED
    sys.stderr.write(
        "\nnext: `acp-agent doctor` finds your models, `acp-agent editor-config zed` your editor\n"
    )
    return exits.OK
