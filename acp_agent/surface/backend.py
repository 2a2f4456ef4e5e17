"""What a surface needs of the agent it serves."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from acp_agent.engine.agent_core import AgentCore, Defaults
from acp_agent.ports import Workspace


class Backend(Protocol):
    """The agent a surface serves."""

    @property
    def core(self) -> AgentCore:
        """Its sessions."""
        ...

    def defaults(self, cwd: Path) -> Defaults:
        """What the settings say about sessions in this directory."""
        ...

    def workspace(self, roots: tuple[Path, ...]) -> Workspace:
        """Local files and processes, confined to these directories."""
        ...

    def log_in(self) -> None:
        """Take up keys that were entered since the start."""
        ...

    def log_out(self) -> None:
        """Forget stored keys."""
        ...
