"""Kinds of subagents from files: the user's, and those of a trusted project.

`agents/docs.md` is the subagent `docs`: its head says what it is for and what it may use, its body is what it
is told to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anyio import to_thread

from acp_agent.base.errors import ConfigError
from acp_agent.base.paths import Places
from acp_agent.model.subagent import AgentKind, FoundAgents
from acp_agent.sdk.folders.front_matter import Document
from acp_agent.sdk.folders.prompts import NAME, Documents, PromptFolder, described
from acp_agent.sdk.settings.trust import AGENT_FOLDERS, why_not_trusted

ALLOWED = ("tools", "allowed-tools", "allowed_tools", "allowedTools")
DENIED = ("disallowed-tools", "disallowed_tools", "disallowedTools")

MAX_STEPS = 50
"""Model requests of one task unless the file says something else."""


class AgentFiles:
    """The kinds of subagents that files define for sessions in one directory."""

    def __init__(self, places: Places, cwd: Path, further: Sequence[Path] = ()) -> None:
        self._places = places
        self._cwd = cwd
        self._further = further  # folders that whoever embeds the agent names, besides those found
        self._documents = Documents()

    async def find(self) -> FoundAgents:
        """Those there are now; only what changed is read again. Nothing of an untrusted project is read."""
        return await to_thread.run_sync(self._find, abandon_on_cancel=True)

    def _find(self) -> FoundAgents:
        kinds: list[AgentKind] = []
        problems: list[str] = []
        for folder in self._folders():
            for path in folder.files():
                try:
                    kinds.append(self._read(path, folder))
                except ConfigError as exc:
                    problems.append(str(exc))
        return FoundAgents(tuple(kinds), tuple(problems))

    def _folders(self) -> list[PromptFolder]:
        """Where to look, the place that counts most last."""
        own = self._places.config_file.parent if self._places.config_file else None
        folders = [PromptFolder(own / "agents")] if own else []
        theirs = [
            PromptFolder(self._cwd / name, self._cwd)
            for name in reversed(AGENT_FOLDERS)
            if (self._cwd / name).is_dir()
        ]
        if theirs and not why_not_trusted(self._places, self._cwd):
            folders += theirs
        return [*folders, *map(PromptFolder, self._further)]

    def _read(self, path: Path, folder: PromptFolder) -> AgentKind:
        document = self._documents.read(path, folder)
        name = document.head.get("name") or path.stem
        if not NAME.fullmatch(name):
            raise ConfigError(f"`{path}`: `name` may have letters, digits, `-`, `_` and `.` only")
        model = document.head.get("model", "")
        return AgentKind(
            name,
            described(document),
            document.body,
            tools=_names(path, document, ALLOWED),
            denied_tools=_names(path, document, DENIED) or (),
            read_only=document.head.get("read_only", document.head.get("read-only", "")) == "true",
            model=model if "/" in model else "",  # other programs' short names for models mean nothing here
            max_steps=_steps(path, document),
        )


def _names(path: Path, document: Document, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """The tools that are named under one of the keys; None if none of them is there."""
    for key in keys:
        if key in document.lists:
            names = document.lists[key]
        elif key in document.head:
            listed = document.head[key].strip().removeprefix("[").removesuffix("]")
            names = tuple(part.strip().strip("'\"") for part in listed.replace(",", " ").split())
        else:
            continue
        if names == ("*",):
            return None
        for name in names:
            if not NAME.fullmatch(name):
                raise ConfigError(
                    f"`{path}`: `{key}`: `{name}` is no name of a tool; patterns are for permission rules"
                )
        return names
    return None


def _steps(path: Path, document: Document) -> int:
    for key in ("max_steps", "max-steps", "maxSteps"):
        text = document.head.get(key)
        if text is not None:
            if not text.isdecimal() or int(text) < 1:
                raise ConfigError(f"`{path}`: `{key}`: must be a number from 1 on")
            return int(text)
    return MAX_STEPS
