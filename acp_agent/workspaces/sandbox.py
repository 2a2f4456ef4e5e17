"""What the kernel lets commands and file writes change, and what happens where it cannot help."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import anyio

from acp_agent.base.errors import WorkspaceError
from acp_agent.workspaces.scratch import Scratch

if TYPE_CHECKING:
    from acp_agent.workspaces.landlock import Support

SandboxChoice: TypeAlias = Literal["auto", "require", "off"]

logger = logging.getLogger(__name__)
T = TypeVar("T")

_REMOVING_TIME = 1.0


def _kernel_support() -> Support:
    from acp_agent.workspaces import landlock  # lazy: only for sessions that write or run something

    return landlock.support()


class Sandbox:
    """How the sessions of one agent are confined.

    Commands may change the session's directories, `writable` and a temporary directory of their own, and not
    read `hidden`, except where a directory they may change contains it. File writes may change the session's
    directories only. Where the kernel cannot see to that, nothing is confined with `auto`, and everything
    fails with `require`. `before_start` is called before any process is started, `kernel` once.
    """

    def __init__(
        self,
        choice: SandboxChoice = "auto",
        *,
        writable: tuple[Path, ...] = (),
        hidden: tuple[Path, ...] = (),
        before_start: Callable[[], None] = lambda: None,
        kernel: Callable[[], Support] = _kernel_support,
    ) -> None:
        self._choice = choice
        # links are followed now, before anybody could exchange one
        self.writable = tuple(map(_real, writable))
        self.hidden = tuple(map(_real, hidden))
        self.before_start = before_start
        self.scratch = Scratch()
        self._kernel = kernel

    def with_choice(self, choice: SandboxChoice) -> Sandbox:
        """The same with another choice; it needs no `aclose` of its own."""
        other = Sandbox(
            choice,
            writable=self.writable,
            hidden=self.hidden,
            before_start=self.before_start,
            kernel=self._kernel,
        )
        other.scratch = self.scratch
        return other

    @property
    def required(self) -> bool:
        """Whether nothing may be run or written unconfined."""
        return self._choice == "require"

    @functools.cached_property
    def confines(self) -> bool:
        """Whether the kernel confines; the first to ask has it logged if it cannot.

        Raises:
            WorkspaceError: it cannot, and the setting requires it.
        """
        if self._choice == "off":
            return False
        extent, text = self._kernel()
        if extent != "whole":
            if self.required:
                raise WorkspaceError(
                    f"`sandbox` is `require`, and the kernel cannot confine what is run or written: {text}; "
                    "set it to `auto` to work without"
                )
            logger.info("commands are %s confined: %s", "not" if extent == "none" else "partly", text)
        return extent != "none"

    async def aclose(self) -> None:
        """Remove temporary directories, as far as that takes no longer than a second."""
        with anyio.move_on_after(_REMOVING_TIME, shield=True):
            await anyio.to_thread.run_sync(self.scratch.remove, abandon_on_cancel=True)


class Limits:
    """The sandbox of one session, whose directories are `roots`. `write` and `start` block."""

    def __init__(self, sandbox: Sandbox, roots: tuple[Path, ...]) -> None:
        self._sandbox = sandbox
        self._roots = roots
        self._temporary: Path | None = None

    @property
    def required(self) -> bool:
        """Whether nothing may be run or written unconfined."""
        return self._sandbox.required

    def write(self, function: Callable[[], T]) -> T:
        """The result of `function`, which can change only the session's directories.

        Raises:
            WorkspaceError: it cannot be confined.
        """
        if not self._sandbox.confines:
            return function()
        from acp_agent.workspaces import landlock, rules  # lazy: as above

        return landlock.confined(function, rules.to_change(self._roots))

    def prepare(self) -> bool:
        """Get ready to start a command; says whether to do it with `start`, or without.

        Raises:
            WorkspaceError: it must be confined and cannot be.
        """
        self._sandbox.before_start()
        return self._sandbox.confines

    def start(self, function: Callable[[Mapping[str, str]], T]) -> T:
        """The result of `function`, which starts a command; it is given variables for its environment.

        Raises:
            WorkspaceError: it cannot be confined.
        """
        from acp_agent.workspaces import landlock, rules  # lazy: as above

        temporary = self._temporary_directory()
        changeable = (*self._roots, *self._sandbox.writable, temporary)
        return landlock.confined(
            lambda: function({"TMPDIR": str(temporary)}),
            (*rules.to_change(changeable), *rules.for_programs()),
            readable=rules.to_read(self._sandbox.hidden, changeable),
        )

    def _temporary_directory(self) -> Path:
        if self._temporary is None or not self._temporary.is_dir():
            self._temporary = self._sandbox.scratch.directory()
        return self._temporary


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
