"""Kinds of subagents from files: the user's, and those of a trusted project.

`agents/docs.md` is the subagent `docs`: its head says what it is for and what it may use, its body is what it
is told to be. In `agents/docs.yaml` that stands under `prompt`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.subagent import AgentKind, FoundAgents
from acp_agent.sdk.folders.agent_definition import read_definition
from acp_agent.sdk.folders.prompts import YAML, Documents, PromptFolder, folders_at
from acp_agent.sdk.settings.trust import AGENT_FOLDERS, why_not_trusted

SUFFIXES = (".md", *YAML)

OTHER_FOLDERS = (".claude/agents", ".a3s/agents")
"""Folders below the user's home that other programs keep subagents in; the last counts most."""


class AgentFiles:
    """The kinds of subagents that files define for sessions in one directory."""

    def __init__(
        self,
        places: Places,
        cwd: Path,
        further: Sequence[Path] = (),
        given: Sequence[AgentKind] = (),
    ) -> None:
        self._places = places
        self._cwd = cwd
        self._further = further  # folders that whoever embeds the agent names, besides those found
        self._given = given  # kinds that are in no file and count more than any that is
        self._documents = Documents()

    def find(self) -> FoundAgents:
        """Those there are now; only what changed is read again. Nothing of an untrusted project is read."""
        kinds: list[AgentKind] = []
        problems: list[str] = []
        for folder in self._folders():
            for path in folder.files(SUFFIXES):
                try:
                    kinds.append(self._read(path, folder))
                except ConfigError as exc:
                    problems.append(str(exc))
        return FoundAgents((*kinds, *self._given), tuple(problems))

    def _folders(self) -> list[PromptFolder]:
        """Where to look, the place that counts most last."""
        own = self._places.config_file.parent if self._places.config_file else None
        folders = folders_at(self._places.home, OTHER_FOLDERS)
        folders += [PromptFolder(own / "agents")] if own else []
        theirs = [
            PromptFolder(self._cwd / name, self._cwd)
            for name in reversed(AGENT_FOLDERS)
            if os.path.isdir(os.path.join(self._cwd, name))
        ]
        if theirs and not why_not_trusted(self._places, self._cwd):
            folders += theirs
        return [*folders, *map(PromptFolder, self._further)]

    def _read(self, path: Path, folder: PromptFolder) -> AgentKind:
        return read_definition(self._documents.read(path, folder), str(path), path.stem)
