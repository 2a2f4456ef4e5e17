"""What programs that embed the agent catch. Every class has a `code` that stays the same.

CodeError                 `internal`
├─ ConfigInvalid          `config_invalid`          a setting or option cannot be used
│   └─ UnknownOption      `unknown_option`
├─ SessionClosed          `session_closed`
├─ SessionBusy            `session_busy`
├─ SessionNotFound        `session_not_found`
├─ StoreMissing           `store_missing`
├─ PersistenceFailed      `persistence_failed`
├─ AttachmentInvalid      `attachment_invalid`
├─ ToolFailed             `tool_failed`
├─ McpFailed              `mcp_failed`
├─ CheckpointMissing      `checkpoint_missing`
├─ QuestionEmpty          `question_empty`
└─ RunFailed              `run_failed`, or the kind of failure, such as `rate_limited`
    ├─ MaxToolRoundsExceeded  `max_tool_rounds`
    └─ BudgetExhausted        `budget_exhausted`
"""

from __future__ import annotations

from typing import ClassVar

from acp_agent.base import errors


class CodeError(errors.AcpAgentError):
    """Base of what the embedded agent raises.

    Attributes:
        code: what kind of error it is; stays the same.
        hint: what can be done about it, also at the end of the text; may be empty.
    """

    code: str = "internal"
    hint: str = ""

    BudgetExhausted: ClassVar[type[CodeError]]
    ConfigInvalid: ClassVar[type[CodeError]]
    SessionClosed: ClassVar[type[CodeError]]
    SessionBusy: ClassVar[type[CodeError]]
    SessionNotFound: ClassVar[type[CodeError]]
    RunFailed: ClassVar[type[CodeError]]

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said}; {self.hint}" if self.hint else said


class ConfigInvalid(CodeError, errors.ConfigError):
    """A setting or an option cannot be used; `hint` says what to change."""

    code = "config_invalid"

    def __init__(self, message: str, *, hint: str = "") -> None:
        errors.ConfigError.__init__(self, message, hint=hint)


class UnknownOption(ConfigInvalid):
    """There is no option of this name."""

    code = "unknown_option"

    def __init__(self, name: str, suggestion: str) -> None:
        super().__init__(f"unknown option `{name}`{suggestion}")
        self.name = name


class SessionClosed(CodeError, errors.SessionClosed):
    """The session, or its agent, was closed and starts nothing more."""

    code = "session_closed"

    def __init__(self, session_id: str) -> None:
        errors.SessionClosed.__init__(self, session_id)


class AgentClosed(SessionClosed):
    """The agent was closed and opens no more sessions."""

    def __init__(self) -> None:
        errors.AcpAgentError.__init__(self, "the agent is closed")
        self.session_id = ""


class SessionBusy(CodeError, errors.SessionError):
    """A run is going on in the session; wait for its end or cancel it."""

    code = "session_busy"

    def __init__(self, session_id: str, run_id: str) -> None:
        super().__init__(f"session `{session_id}` is busy with run `{run_id}`; wait for it or cancel it")
        self.session_id = session_id
        self.run_id = run_id


class SessionNotFound(CodeError, errors.SessionNotFound):
    """The store has no session of this id."""

    code = "session_not_found"

    def __init__(self, session_id: str) -> None:
        errors.SessionNotFound.__init__(self, session_id)


class StoreMissing(CodeError, errors.SessionError):
    """What was asked needs a session store, and none is set."""

    code = "store_missing"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} requires a session store; set `session_store` or `file_session_store`")


class PersistenceFailed(CodeError, errors.StoreError):
    """A session could not be saved, loaded or deleted."""

    code = "persistence_failed"


class AttachmentInvalid(CodeError, ValueError):
    """What was attached is no picture that models take, or the model takes none."""

    code = "attachment_invalid"


class ToolFailed(CodeError, errors.ToolError):
    """A tool that the host called directly failed; the message is the tool's."""

    code = "tool_failed"

    def __init__(self, tool: str, message: str) -> None:
        super().__init__(message)
        self.tool = tool


class McpFailed(CodeError):
    """An MCP server could not be connected."""

    code = "mcp_failed"

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


class CheckpointMissing(CodeError, errors.SessionError):
    """There is nothing of this run that could be gone on with."""

    code = "checkpoint_missing"

    def __init__(self, run_id: str) -> None:
        super().__init__(f"no loop checkpoint found for run '{run_id}'")
        self.run_id = run_id


class QuestionEmpty(CodeError, ValueError):
    """A side question without words."""

    code = "question_empty"

    def __init__(self) -> None:
        super().__init__("btw: question cannot be empty")


class RunFailed(CodeError):
    """A run ended without an answer.

    Attributes:
        run_id: which run.
        provider: the model service that failed, empty if none did.
        status: its HTTP status, or None.
        retry_after: seconds it asked to wait, or None.
    """

    code = "run_failed"

    def __init__(
        self,
        message: str,
        *,
        run_id: str = "",
        code: str = "run_failed",
        provider: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.run_id = run_id
        self.provider = provider
        self.status = status
        self.retry_after = retry_after
        self.hint = hint

    @classmethod
    def of(cls, exc: errors.ProviderError) -> RunFailed:
        """The failure of a model that was asked beside any run."""
        return RunFailed(
            str(exc),
            code=exc.fault,
            provider=exc.provider,
            status=exc.status,
            retry_after=exc.retry_after,
            hint=exc.hint,
        )


class MaxToolRoundsExceeded(RunFailed):
    """The model wanted to call tools more often than it may in one run."""

    def __init__(self, limit: int, *, run_id: str = "") -> None:
        super().__init__(f"Max tool rounds ({limit}) exceeded", run_id=run_id, code="max_tool_rounds")
        self.limit = limit


class BudgetExhausted(RunFailed):
    """What the session may use is used up, `resource` says of what; the session stays open."""

    code = "budget_exhausted"

    def __init__(self, message: str, *, resource: str, run_id: str = "") -> None:
        super().__init__(message, run_id=run_id, code="budget_exhausted")
        self.resource = resource


CodeError.BudgetExhausted = BudgetExhausted
CodeError.ConfigInvalid = ConfigInvalid
CodeError.SessionClosed = SessionClosed
CodeError.SessionBusy = SessionBusy
CodeError.SessionNotFound = SessionNotFound
CodeError.RunFailed = RunFailed
