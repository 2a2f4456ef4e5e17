"""What a shell line needs permission for."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import msgspec

from acp_agent.base.errors import WorkspaceError
from acp_agent.model.permission import Access, ShellCommand, ShellLine
from acp_agent.tools.shell.grammar import Unclear, read_plain, syntax_tree
from acp_agent.tools.shell.programs import is_certain, is_from_outside
from acp_agent.tools.shell.readers import files_read
from acp_agent.tools.shell.search import MAX_COMMANDS, CommandSearch

if TYPE_CHECKING:
    from acp_agent.ports import Workspace

logger = logging.getLogger(__name__)

MAX_LENGTH = 10_000
"""Characters of a line that is looked at; a longer one is always asked about."""

MAX_SIGNS = 1_000
"""Characters with a meaning of their own in such a line: the time to parse grows with their square."""

_SIGNS = re.compile(r"[|&;<>()$`]")


def shell_access(text: str, workspace: Workspace, *, posix: bool) -> Access:
    """What running this line may do; `posix` says that a POSIX shell runs it."""
    line = _examined(text, workspace, posix=posix)
    if not line.calls:
        logger.debug("the command is asked about each time: it has %s", line.unclear)
        return Access("execute", f"bash:{text}", line=line)
    files = _files_of(line, workspace)
    subject = f"bash:{line.canonical}"
    if files is None:
        return Access("execute", subject, line=line)
    return Access("read", subject, files, line=line)


def _examined(text: str, workspace: Workspace, *, posix: bool) -> ShellLine:
    too_large = f"more than {MAX_LENGTH} characters, {MAX_SIGNS} signs or {MAX_COMMANDS} commands"
    if len(text) > MAX_LENGTH or len(_SIGNS.findall(text)) > MAX_SIGNS:
        return ShellLine("", unclear=too_large, complete=False, oversized=True)
    search = CommandSearch(workspace.roots[0])
    search.search(text)
    if search.n_written > MAX_COMMANDS:
        return ShellLine(text, unclear=too_large, complete=False, oversized=True)
    line = ShellLine(text, found=tuple(search.found), complete=search.complete and posix)
    plain = read_plain(text, syntax_tree(text)) if posix else Unclear("a shell with another grammar")
    if isinstance(plain, Unclear):
        return msgspec.structs.replace(line, unclear=plain.why)
    if not all(map(is_certain, plain.calls)):
        return msgspec.structs.replace(line, unclear="a program that runs others or changes the shell")
    calls = tuple(ShellCommand(words, harmless=_is_harmless(words, workspace)) for words in plain.calls)
    return msgspec.structs.replace(line, calls=calls, canonical=plain.canonical)


def _is_harmless(words: tuple[str, ...], workspace: Workspace) -> bool:
    return files_read(words) == () and is_from_outside(words[0], workspace.roots)


def _files_of(line: ShellLine, workspace: Workspace) -> tuple[str, ...] | None:
    """The files a line reads, resolved; None if it may do anything else, or reads elsewhere."""
    files: list[str] = []
    for call in line.calls:
        named = files_read(call.words)
        if named is None or not is_from_outside(call.words[0], workspace.roots):
            return None
        try:
            # Behind `./` nothing is taken for a URI, which no shell command knows.
            resolved = [workspace.resolve(name if name.startswith("/") else f"./{name}") for name in named]
        except WorkspaceError:
            return None
        files += map(str, resolved)
    return tuple(files)
