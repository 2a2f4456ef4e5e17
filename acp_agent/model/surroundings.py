"""What a session finds around it: instructions, commands, subagents, the state of the repository."""

from __future__ import annotations

import msgspec

from acp_agent.model.command import FoundCommands
from acp_agent.model.instructions import InstructionFile
from acp_agent.model.subagent import FoundAgents


class Surroundings(msgspec.Struct, frozen=True):
    """What was found.

    Attributes:
        files: instruction files that apply, the one that wins last.
        repository: branch and commit, in words; empty outside of a repository.
        problems: why files that look like instructions are not used, as sentences for people.
        commands: slash commands that files hold.
        agents: kinds of subagents that files define.
    """

    files: tuple[InstructionFile, ...] = ()
    repository: str = ""
    problems: tuple[str, ...] = ()
    commands: FoundCommands = FoundCommands()
    agents: FoundAgents = FoundAgents()
