"""Who is compared: commands that speak the protocol and reach the model through `OPENAI_BASE_URL`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


class Contender(NamedTuple):
    """A name for the table and the command that starts the agent."""

    name: str
    command: list[str]

    def env(self, base_url: str, home: str) -> dict[str, str]:
        """A small environment of its own, the same for every contender."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            **passed,
            "HOME": home,
            "PYTHONPATH": str(ROOT),
            "OPENAI_BASE_URL": base_url,
            "OPENAI_API_KEY": "x",
            "ACP_AGENT_MODEL": "openai/bench",
            "ACP_AGENT_MODE": "auto",
            "ACP_AGENT_HOME": os.path.join(home, ".acp-agent"),
        }


def contenders() -> list[Contender]:
    """The baselines and the installed command; the first one is what ratios refer to."""
    beside = shutil.which("acp-agent", path=os.path.dirname(sys.executable))
    return [
        Contender("bare", [sys.executable, "-m", "benchmarks.bare_agent"]),
        Contender("sdk", [sys.executable, "-m", "benchmarks.sdk_agent"]),
        Contender("acp-agent", [beside or shutil.which("acp-agent") or "acp-agent", "serve"]),
    ]
