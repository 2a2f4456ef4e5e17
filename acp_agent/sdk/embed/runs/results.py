"""What calls of the library return."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.base.jsontext import JsonValue, dump_text
from acp_agent.engine.verification.status import summary_of, summary_text
from acp_agent.model import chat
from acp_agent.model.session import StopReason
from acp_agent.model.verification import Report, VerificationStatus
from acp_agent.sdk.embed.events.messages import Message
from acp_agent.sdk.embed.options.attachments import Attachment

ErrorKind: TypeAlias = Literal["not_found", "invalid_argument", "unsupported", "timeout"]


class TokenUsage(msgspec.Struct, frozen=True):
    """Tokens of one run or question; those of the cache are None where the service says nothing of it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None

    @classmethod
    def of(cls, usage: chat.Usage) -> TokenUsage:
        """The same as the engine counts it."""
        return cls(
            usage.input_tokens,
            usage.output_tokens,
            usage.input_tokens + usage.output_tokens,
            usage.cache_read_tokens or None,
            usage.cache_write_tokens or None,
        )

    def plus(self, other: TokenUsage) -> TokenUsage:
        """Both together."""
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            _sum(self.cache_read_tokens, other.cache_read_tokens),
            _sum(self.cache_write_tokens, other.cache_write_tokens),
        )


class AgentResult(msgspec.Struct, frozen=True):
    """How a run ended.

    Attributes:
        text: what the model said last.
        usage: tokens of all of its requests.
        tool_calls_count: calls it made.
        stop_reason: `cancelled` if the run was; the text is then what there was of it.
        run_id: its record, for `run_snapshot` and `run_events`.
        messages: the conversation after it; `send_with_history` goes on with it.
        verification_reports: what was verified while it ran.
    """

    text: str
    usage: TokenUsage
    tool_calls_count: int
    stop_reason: StopReason = "end_turn"
    run_id: str = ""
    messages: tuple[Message, ...] = ()
    verification_reports: tuple[Report, ...] = ()

    @property
    def verification_status(self) -> VerificationStatus:
        """What the reports amount to; `skipped` if nothing was verified."""
        return summary_of(self.verification_reports).status

    @property
    def verification_report_count(self) -> int:
        """How many subjects were verified."""
        return summary_of(self.verification_reports).report_count

    @property
    def pending_verification_count(self) -> int:
        """Checks that were not carried out."""
        return summary_of(self.verification_reports).pending_count

    @property
    def failed_verification_count(self) -> int:
        """Checks that failed."""
        return summary_of(self.verification_reports).failed_count

    @property
    def verification_summary_text(self) -> str:
        """What the reports amount to, to be read."""
        return summary_text(self.verification_reports)

    @property
    def verification_summary_json(self) -> str:
        """The same as a JSON object."""
        return dump_text(summary_of(self.verification_reports))

    @property
    def total_tokens(self) -> int:
        """Tokens read and written."""
        return self.usage.total_tokens

    @property
    def prompt_tokens(self) -> int:
        """Tokens read."""
        return self.usage.prompt_tokens

    @property
    def completion_tokens(self) -> int:
        """Tokens written."""
        return self.usage.completion_tokens


class SideAnswer(msgspec.Struct, frozen=True):
    """The answer to a question that leaves no trace in the conversation."""

    question: str
    answer: str
    usage: TokenUsage

    @property
    def total_tokens(self) -> int:
        """Tokens read and written."""
        return self.usage.total_tokens


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool that the host called returned.

    Attributes:
        exit_code: 0 unless it failed.
        images: pictures it returned.
        data: what it returned for programs, such as the parts of a command's output.
        error_kind: why it failed, where that is known.
    """

    name: str
    output: str
    exit_code: int = 0
    images: tuple[Attachment, ...] = ()
    data: JsonValue = None
    error_kind: ErrorKind | None = None

    @property
    def success(self) -> bool:
        """Whether it did not fail."""
        return self.exit_code == 0


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)
