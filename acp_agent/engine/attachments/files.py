"""What lies at a link in a prompt, as the session's workspace shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import msgspec

from acp_agent.base.errors import FileMissing, PathOutsideWorkspace, TooLarge, WorkspaceError
from acp_agent.engine.attachments.images import read_header
from acp_agent.engine.attachments.links import FileLink
from acp_agent.ports import FileEntry, Workspace


class TextFile(msgspec.Struct, frozen=True):
    """A file of text, as the editor has it."""

    text: str


class BinaryFile(msgspec.Struct, frozen=True):
    """A picture, or something that is no text at all."""

    data: bytes


class Directory(msgspec.Struct, frozen=True):
    """A directory's entries, sorted by name."""

    entries: tuple[FileEntry, ...]


class Unread(msgspec.Struct, frozen=True):
    """Nothing could be read; `why` is for the model."""

    why: str


Found: TypeAlias = TextFile | BinaryFile | Directory | Unread


async def read_link(link: FileLink, workspace: Workspace) -> Found:
    """What the link leads to; never anything outside the workspace."""
    failures: list[Unread] = []
    for reading in link.paths:
        try:
            return await _read(workspace.resolve(reading), workspace)
        except PathOutsideWorkspace:
            failures.append(Unread("it is outside the workspace"))
        except FileMissing:
            failures.append(Unread("there is no such file"))
        except WorkspaceError as exc:
            failures.append(Unread(str(exc)))
    return failures[0] if failures else Unread("it names no file")


def text_of(data: bytes) -> str | None:
    """The text that these bytes are, or None."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


async def _read(path: Path, workspace: Workspace) -> Found:
    # The disk tells what kind of file it is: editors asked for the text of a picture answer in odd ways.
    try:
        data = await workspace.read_bytes(path)
    except FileMissing:
        return TextFile(await workspace.read_text(path))  # new in the editor and not saved yet
    except TooLarge as exc:
        return Unread(f"{exc}; search it with `grep` or read part of it with `bash`")
    except WorkspaceError as unreadable:
        try:
            return Directory(tuple(await workspace.list_dir(path)))
        except WorkspaceError:
            raise unreadable from None
    if read_header(data) is not None or text_of(data) is None:
        return BinaryFile(data)
    return TextFile(await workspace.read_text(path))
