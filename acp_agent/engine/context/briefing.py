"""What a session's model is told before everything else: put together once and stored, the same to the byte.

Providers cache the beginning of a conversation only while it does not change. So files that change later are
told along with the user's next message, and the beginning stays what it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from acp_agent.base.ids import MessageId
from acp_agent.engine.attachments.quoting import one_line
from acp_agent.engine.context.instructions import (
    ClientPrompt,
    quoted_files,
    rules_for,
    session_facts,
    system_prompt,
)
from acp_agent.engine.skills.catalogue import told_skills
from acp_agent.model import events
from acp_agent.model.instructions import InstructionFile, KnownFile
from acp_agent.model.surroundings import Surroundings

Briefed: TypeAlias = events.Instructed | events.NoteAdded | events.Noticed
"""What a briefing says."""


class Briefing:
    """A running fold, and what is to be added to it when a turn begins; `look` tells what is around then."""

    def __init__(self, look: Callable[[], Awaitable[Surroundings | None]], created_at: datetime) -> None:
        self._look = look
        self._created_at = created_at
        self._given: events.Instructed | None = None
        self._known: tuple[KnownFile, ...] = ()  # the files as the model was told of them last
        self._problems: set[str] = set()  # what the user was told

    def anew(self) -> Briefing:
        """One for somebody else in the same session, who has been told nothing yet; the user has."""
        fresh = Briefing(self._look, self._created_at)
        fresh._problems = self._problems
        return fresh

    def apply(self, event: events.Event) -> None:
        """Take one event in."""
        match event:
            case events.Instructed():
                self._given, self._known = event, event.files
            case events.NoteAdded(files=files) if files is not None:
                self._known = files
            case events.Rewound() | events.CompactionEnded(status="completed"):
                self._known = self._given.files if self._given is not None else ()  # notes may be gone
            case events.HistoryCleared():
                self._given, self._known = None, ()
            case _:
                pass

    def system(self, client: ClientPrompt, roots: Sequence[Path]) -> str:
        """The system prompt; the same text for all turns of a session, and after it was opened again."""
        if self._given is None:
            return system_prompt(
                rules_for(()), session_facts(roots, self._created_at, Surroundings()), client
            )
        return system_prompt(self._given.rules, self._given.session, client)

    async def begin_turn(
        self, message_id: MessageId, roots: tuple[Path, ...], tools: Collection[str]
    ) -> tuple[Briefed, ...]:
        """The events that belong behind the user's message: a briefing, or what changed since the last."""
        around = await self._look()
        places = tuple(str(root) for root in roots)
        if self._given is None or self._given.roots != places:
            found = around or Surroundings()
            told = (session_facts(roots, self._created_at, found), told_skills(found.commands.skills, tools))
            given = events.Instructed(
                rules_for(tools), "\n\n".join(filter(None, told)), places, _known(found.files)
            )
            return (given, *self._fresh_problems(found))
        if around is None:
            return ()
        known = _known(around.files)
        if known == self._known:
            return self._fresh_problems(around)
        note = events.NoteAdded(message_id, self._changes(around.files, known), known)
        return (note, *self._fresh_problems(around))

    def _fresh_problems(self, around: Surroundings) -> tuple[events.Noticed, ...]:
        fresh = [problem for problem in around.problems if problem not in self._problems]
        self._problems.update(fresh)
        return tuple(events.Noticed("warning", problem) for problem in fresh)

    def _changes(self, files: tuple[InstructionFile, ...], known: tuple[KnownFile, ...]) -> str:
        before = {one.path: one.digest for one in self._known}
        changed = [file for file, one in zip(files, known, strict=True) if before.get(one.path) != one.digest]
        notes = [
            f"[The instructions in `{one_line(file.path)}` are new or were changed. They now say:]\n{text}"
            for file, text in zip(changed, quoted_files(changed), strict=True)
        ]
        present = {file.path for file in files}
        notes += [
            f"[The instructions in `{one_line(path)}` do not apply any more.]"
            for path in before
            if path not in present
        ]
        return "\n\n".join(notes) or "[The order of the project's instructions changed.]"


def _known(files: Sequence[InstructionFile]) -> tuple[KnownFile, ...]:
    import hashlib  # lazy: many sessions have no such files

    return tuple(KnownFile(file.path, hashlib.sha256(file.text.encode()).hexdigest()) for file in files)
