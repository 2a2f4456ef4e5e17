"""All that files say to a session, found in one go, off the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread

from acp_agent.base.paths import Places
from acp_agent.model.skill import Skill
from acp_agent.model.subagent import AgentKind
from acp_agent.model.surroundings import Surroundings
from acp_agent.sdk.folders.agents import AgentFiles
from acp_agent.sdk.folders.commands import CommandFiles
from acp_agent.sdk.folders.instructions import InstructionFiles


class Folders:
    """The folders of one user and one working directory.

    `skills` and `agents` are further folders, which whoever embeds the agent names; `given_agents` and
    `inline_skills` count more than all that are found, `builtin_skills` less.
    """

    def __init__(
        self,
        places: Places,
        cwd: Path,
        *,
        skills: Sequence[Path] = (),
        agents: Sequence[Path] = (),
        given_agents: Sequence[AgentKind] = (),
        inline_skills: Sequence[Skill] = (),
        builtin_skills: Sequence[Skill] = (),
    ) -> None:
        self._instructions = InstructionFiles(places)
        self._commands = CommandFiles(places, cwd, skills, inline=inline_skills, builtin=builtin_skills)
        self._agents = AgentFiles(places, cwd, agents, given_agents)

    async def look_around(self, roots: tuple[Path, ...]) -> Surroundings:
        """What there is now for a session with these directories, the first its working directory."""
        return await to_thread.run_sync(self._look, roots, abandon_on_cancel=True)

    def _look(self, roots: tuple[Path, ...]) -> Surroundings:
        told = self._instructions.find(roots)
        return Surroundings(
            told.files, told.repository, told.problems, self._commands.find(), self._agents.find()
        )
