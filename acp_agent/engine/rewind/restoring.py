"""Files as they were before a message: what the agent changed since is put back, and nothing else.

What commands and MCP servers changed is not known and not restored.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.errors import FileMissing, StoreError, WorkspaceError
from acp_agent.base.ids import MessageId
from acp_agent.engine.rewind.keeping import hash_of
from acp_agent.model import events
from acp_agent.ports import Workspace

Fate: TypeAlias = Literal["restored", "removed", "unchanged", "changed since", "not kept", "failed"]
"""What becomes of a file. `changed since`: by somebody else, after the agent wrote it last."""

Fetch = Callable[[str], Awaitable[bytes]]
"""The bytes a blob's name stands for; raises `StoreError`."""


class ChangedFile(msgspec.Struct, frozen=True):
    """A file that the agent wrote: what it was before the first time, and what the last time made of it."""

    path: str
    existed: bool
    blob: str | None
    after: str | None


class FileFate(msgspec.Struct, frozen=True):
    """What became of a file, or would; `why` says more where that is no success."""

    path: str
    fate: Fate
    why: str = ""


async def changed_since(
    journal: AsyncIterable[events.Event], message_id: MessageId
) -> tuple[ChangedFile, ...] | None:
    """The files the agent changed after it was given this message; None if there is no such message."""
    changed: dict[str, ChangedFile] | None = None
    async for event in journal:
        match event:
            case events.UserSaid(said) if said == message_id:
                changed = {}
            case events.FileKept(path, after, existed, blob) if changed is not None:
                first = changed.get(path)
                changed[path] = (
                    ChangedFile(path, existed, blob, after)
                    if first is None
                    else msgspec.structs.replace(first, after=after)
                )
            case _:
                pass
    return None if changed is None else tuple(changed.values())


async def foresee(files: tuple[ChangedFile, ...], workspace: Workspace) -> tuple[FileFate, ...]:
    """What `restore` would do now; changes nothing."""
    return tuple([await _foreseen(file, workspace) for file in files])


async def restore(
    files: tuple[ChangedFile, ...], workspace: Workspace, fetch: Fetch, *, even_changed: bool = False
) -> tuple[FileFate, ...]:
    """Put the files back; those that somebody else changed since only if `even_changed`."""
    return tuple([await _restored(file, workspace, fetch, even_changed=even_changed) for file in files])


async def _foreseen(file: ChangedFile, workspace: Workspace) -> FileFate:
    try:
        now = hash_of(await workspace.read_text(workspace.resolve(file.path)))
    except FileMissing:
        now = None
    except WorkspaceError as exc:
        return FileFate(file.path, "failed", str(exc))
    if now == (file.blob if file.existed else None) and (file.blob or not file.existed):
        return FileFate(file.path, "unchanged")
    if file.existed and file.blob is None:
        return FileFate(file.path, "not kept", "it was too large, or no text")
    if now != file.after:
        return FileFate(file.path, "changed since")
    return FileFate(file.path, "restored" if file.existed else "removed")


async def _restored(file: ChangedFile, workspace: Workspace, fetch: Fetch, *, even_changed: bool) -> FileFate:
    fate = await _foreseen(file, workspace)
    if fate.fate not in ("restored", "removed") and not (even_changed and fate.fate == "changed since"):
        return fate
    try:
        path = workspace.resolve(file.path)
        if file.blob is None:
            await workspace.remove(path)
            return FileFate(file.path, "removed")
        await workspace.write_text(path, (await fetch(file.blob)).decode())
    except (StoreError, WorkspaceError, UnicodeDecodeError) as exc:
        return FileFate(file.path, "failed", str(exc))
    return FileFate(file.path, "restored")
