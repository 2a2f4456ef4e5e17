"""Every error this package raises on purpose.

    AcpAgentError
    ├─ ConfigError                     a setting is wrong; `.hint` says what to do
    ├─ ConnectionLost                  the transport closed or broke
    ├─ ProviderError                   a model could not answer; says which, why, and what to do
    ├─ ToolError                       a tool could not do its work; the text is for the model
    ├─ HookFailed                      a hook gave no answer; the text says why
    ├─ WorkspaceError                  a file or process operation failed
    │   ├─ PathOutsideWorkspace
    │   ├─ FileMissing
    │   ├─ NotText
    │   └─ TooLarge
    ├─ StoreError                      the session store failed
    │   ├─ StoreTooNew
    │   ├─ StoreCorrupt
    │   └─ SessionInUse                another process writes the session
    └─ SessionError
        ├─ SessionNotFound
        ├─ SessionClosed
        ├─ InvalidChoice               an unknown mode, model or option value
        └─ CommandRefused              a slash command cannot do what was asked

JSON-RPC errors live in `acp_agent.rpc.errors`. Constructors take facts; the class owns the sentence.
"""

from __future__ import annotations

from typing import Literal

ProviderFault = Literal[
    "unreachable",
    "timeout",
    "unauthorized",
    "not_found",
    "invalid_request",
    "rate_limited",
    "overloaded",
    "context_too_long",
    "bad_stream",
    "not_configured",
    "script",
    "budget_exhausted",
    "blocked",
]
"""Why a provider could not answer; stable, and part of the error data clients receive."""


FOREIGN_FAILURES = (Exception, SystemExit)
"""What others' code that a session calls may raise without ending more than its own work.

Functions may have been made of programs, which end with `SystemExit`; here it would end the whole agent.
"""


class AcpAgentError(Exception):
    """Base of every error raised on purpose by this package."""


class ConfigError(AcpAgentError):
    """A setting cannot be used; `hint` says what to change."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConnectionLost(AcpAgentError):
    """The transport closed before the other side answered."""

    def __init__(self, why: str = "connection closed") -> None:
        super().__init__(why)


class ProviderError(AcpAgentError):
    """A model provider did not answer as it should.

    Attributes:
        fault: what kind of failure, one of `ProviderFault`.
        provider: the provider's configured name.
        status: HTTP status, or None when there was no response.
        retryable: whether the same request may succeed later.
        retry_after: seconds the provider asked to wait, or None.
        hint: what the user can do about it; may be empty.
    """

    def __init__(
        self,
        message: str,
        *,
        fault: ProviderFault,
        provider: str,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.fault: ProviderFault = fault
        self.provider = provider
        self.status = status
        self.retryable = retryable
        self.retry_after = retry_after
        self.hint = hint


class ToolError(AcpAgentError):
    """A tool could not do what the model asked; the message tells the model what to try instead."""


class HookFailed(AcpAgentError):
    """A hook could not be asked, or its answer means nothing."""


class WorkspaceError(AcpAgentError):
    """A file or process operation in the workspace failed."""


class PathOutsideWorkspace(WorkspaceError):
    """The path, after following links, is in none of the session's directories."""

    def __init__(self, path: str, roots: tuple[str, ...]) -> None:
        super().__init__(f"`{path}` is outside the workspace; allowed directories: {', '.join(roots)}")
        self.path = path


class FileMissing(WorkspaceError):
    """There is no file at this path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no such file: `{path}`")
        self.path = path


class NotText(WorkspaceError):
    """The file is not UTF-8 text."""

    def __init__(self, path: str) -> None:
        super().__init__(f"`{path}` is not a text file")
        self.path = path


class TooLarge(WorkspaceError):
    """The file is larger than a tool may read at once."""

    def __init__(self, path: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"`{path}` has {size_bytes} bytes; the limit is {limit_bytes}")
        self.path = path


class StoreError(AcpAgentError):
    """The session store could not read or write."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of this program."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(
            f"`{where}` has schema {found}, this version knows up to {known}; "
            "upgrade acp-agent or choose another store"
        )


class StoreCorrupt(StoreError):
    """A stored record cannot be read."""


class SessionInUse(StoreError):
    """Another process writes this session; `holder` says which, if that is known."""

    def __init__(self, session_id: str, holder: str = "") -> None:
        super().__init__(
            f"session `{session_id}` is in use by {holder or 'another process'}; close it there first"
        )
        self.session_id = session_id
        self.holder = holder


class SessionError(AcpAgentError):
    """A session cannot do what was asked."""


class SessionNotFound(SessionError):
    """No session with this id exists, live or stored."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"no session `{session_id}`")
        self.session_id = session_id


class SessionClosed(SessionError):
    """The session was closed and accepts no more work."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"session `{session_id}` is closed")
        self.session_id = session_id


class InvalidChoice(SessionError):
    """A mode, model or option value that does not exist."""

    def __init__(self, field: str, value: str, choices: tuple[str, ...]) -> None:
        super().__init__(f"`{field}`: unknown value `{value}`; choose one of: {', '.join(choices)}")
        self.field = field
        self.value = value
        self.choices = choices

    def called(self, field: str) -> InvalidChoice:
        """The same under the name the asker used for it."""
        return InvalidChoice(field, self.value, self.choices)


class CommandRefused(SessionError):
    """A slash command cannot do what was asked; the message tells the user why."""
