"""The agents these tests judge."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from acp_agent.conformance.profile import Profile, bundled
from acp_agent.conformance.report import Report
from acp_agent.conformance.requirement import Requirement
from acp_agent.conformance.running import run_requirements

SCRIPTED: Profile = bundled()["scripted"]
_FAST = [sys.executable, "-S", "-E"]
_REFERENCE = """\
import sys
sys.path.insert(0, sys.argv[1])
import reference_agent
reference_agent.main()
"""
"""Imported and not run as a script, so that it is compiled once for all the processes of these tests."""


def reference(defect: str = "") -> list[str]:
    """The command of the reference agent, whole or with a defect."""
    return [*_FAST, "-c", _REFERENCE, str(Path(__file__).parent), *(["--defect", defect] if defect else [])]


def agent_of(code: str, folder: Path) -> list[str]:
    """The command of an agent that does this with each `frame`; `reply(frame, result)` answers it."""
    body = "\n".join(f"    {line}" for line in code.splitlines())
    file = folder / "agent.py"
    file.write_text(
        "import json, sys\n"
        "def reply(frame, result):\n"
        "    print(json.dumps({'jsonrpc': '2.0', 'id': frame['id'], 'result': result}), flush=True)\n"
        f"for line in sys.stdin:\n    frame = json.loads(line)\n{body}\n",
        encoding="utf-8",
    )
    return [*_FAST, str(file)]


async def verdicts(
    command: list[str], requirements: tuple[Requirement, ...], *, patience: float, jobs: int = 2
) -> Report:
    """What the suite says about an agent that plays scripts itself."""
    profile = msgspec.structs.replace(SCRIPTED, start_time=patience)
    return await run_requirements(command, profile, requirements, patience=patience, jobs=jobs)
