"""Memory and verification of a blocking session. `SessionMemory` and `SessionVerification` say more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acp_agent.model.memory import MemoryItem, MemoryTier
from acp_agent.model.verification import Preset, Report, VerificationCommand, VerificationSummary
from acp_agent.sdk.embed.blocking.base import BlockingBase


class BlockingAids(BlockingBase):
    """Remembers and verifies."""

    @property
    def has_memory(self) -> bool:
        """Whether it remembers anything beyond its conversation."""
        return self._inner.has_memory

    def remember_success(self, task: str, tools: Sequence[str], result: str) -> MemoryItem:
        """Remember how something was done."""
        return self._wait(self._inner.remember_success, task, tools, result)

    def remember_failure(self, task: str, error: str, tools: Sequence[str] = ()) -> MemoryItem:
        """Remember what went wrong."""
        return self._wait(self._inner.remember_failure, task, error, tools)

    def recall_similar(self, query: str, n: int = 5) -> list[MemoryItem]:
        """What shares words with the query, the best first, at most `n`."""
        return self._wait(self._inner.recall_similar, query, n)

    def recall_by_tags(self, tags: Sequence[str], n: int = 5) -> list[MemoryItem]:
        """What has one of the tags, the most relevant first."""
        return self._wait(self._inner.recall_by_tags, tags, n)

    def memory_recent(self, n: int = 10) -> list[MemoryItem]:
        """What was remembered last, the last one first."""
        return self._wait(self._inner.memory_recent, n)

    def clear_memory(self, tier: MemoryTier = "long_term") -> int:
        """Forget a tier; how many things that were."""
        return self._wait(self._inner.clear_memory, tier)

    def verify_commands(
        self, subject: str, commands: Sequence[VerificationCommand | Mapping[str, object]]
    ) -> Report:
        """Run the commands one after another in the session's folder; what they came to."""
        return self._wait(self._inner.verify_commands, subject, commands)

    def record_verification_reports(self, reports: Sequence[Report | Mapping[str, object]]) -> None:
        """Add reports from elsewhere; their status is worked out from their checks."""
        self._wait(self._inner.record_verification_reports, reports)

    def verification_reports(self) -> list[Report]:
        """All reports, in order, those from before it was resumed too."""
        return self._look(self._inner.verification_reports)

    def verification_summary(self) -> VerificationSummary:
        """What they amount to; of several reports about one subject the last counts."""
        return self._look(self._inner.verification_summary)

    def verification_summary_text(self) -> str:
        """The same to be read."""
        return self._look(self._inner.verification_summary_text)

    def verification_presets(self) -> list[Preset]:
        """The usual commands for the kinds of project that its folder holds."""
        return self._wait(self._inner.verification_presets)
