"""The files of a rewind, in words: what was put back, what was not and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from acp_agent.base.ids import MessageId
from acp_agent.engine.commands.markdown import code
from acp_agent.engine.rewind.keeping import KeepingWorkspace
from acp_agent.engine.rewind.restoring import ChangedFile, FileFate, changed_since, foresee, restore
from acp_agent.ports import SessionStore

if TYPE_CHECKING:
    from acp_agent.engine.conversation import Conversation

_COMMANDS = "What commands changed is not known and stays as it is."


class FilesDone(msgspec.Struct, frozen=True):
    """What became of the files, in Markdown; `refused` if nothing was done to any."""

    text: str
    refused: bool = False


async def files_left(session: Conversation, message_id: MessageId) -> FilesDone:
    """Nothing is done; names the files that the agent wrote since."""
    written = await _written_since(session, message_id)
    if not written:
        return FilesDone("Files stay as they are.")
    names = ", ".join(code(_name(file.path, session)) for file in written)
    return FilesDone(f"Files stay as they are; the agent wrote since: {names}.")


async def restore_files(
    session: Conversation, store: SessionStore, message_id: MessageId, *, even_changed: bool
) -> FilesDone:
    """Put back what the agent wrote since; refused if somebody else changed one of them, unless allowed."""
    files = await _written_since(session, message_id)
    if not files:
        return FilesDone(f"The agent wrote no file since. {_COMMANDS}")
    foreseen = await foresee(files, session.workspace)
    changed = [fate for fate in foreseen if fate.fate == "changed since"]
    if changed and not even_changed:
        return FilesDone("Changed since the agent wrote them:\n\n" + _told(changed, session), refused=True)
    # What it overwrites is kept like anything else: a later rewind finds it.
    workspace = KeepingWorkspace(
        session.workspace, None, session.journal, lambda data: store.put_blob(session.id, data)
    )
    fates = await restore(
        files, workspace, lambda blob: store.get_blob(session.id, blob), even_changed=even_changed
    )
    return FilesDone(f"Files:\n\n{_told(fates, session)}\n\n{_COMMANDS}")


async def _written_since(session: Conversation, message_id: MessageId) -> tuple[ChangedFile, ...]:
    async with session.journal.hold():
        return await changed_since(session.stored_events(), message_id) or ()


def _told(fates: tuple[FileFate, ...] | list[FileFate], session: Conversation) -> str:
    return "\n".join(
        f"- {code(_name(one.path, session))}: {one.fate}{f' ({one.why})' if one.why else ''}" for one in fates
    )


def _name(path: str, session: Conversation) -> str:
    root = session.workspace.roots[0]
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path
