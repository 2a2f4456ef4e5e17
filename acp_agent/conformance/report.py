"""What a run found out, as values: the same for every format, and what JSON reports hold."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from acp_agent import __version__
from acp_agent.base.errors import ConfigError
from acp_agent.conformance.requirement import Demand, Level
from acp_agent.conformance.verdicts import VERDICTS, Verdict

FORMAT = 1
"""Of JSON reports."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one requirement was kept; `transcript` and `stderr` are empty where it passed."""

    id: str
    level: Level
    text: str
    section: str
    version: str
    aliases: tuple[str, ...]
    verdict: Verdict
    reason: str
    seconds: float
    transcript: tuple[str, ...] = ()
    stderr: str = ""

    @property
    def area(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run.

    `agent` and `agent_version` are what it calls itself, `label` is what whoever ran it calls it, or empty;
    `began_at` is UTC in ISO 8601.
    """

    agent: str
    agent_version: str
    command: str
    profile: str
    suite_version: str
    began_at: str
    seconds: float
    outcomes: tuple[Outcome, ...]
    format: int = FORMAT
    label: str = ""

    @property
    def name(self) -> str:
        """What reports call the agent."""
        return self.label or f"{self.agent or self.command} {self.agent_version}".strip()

    def count(self, level: Level | None = None) -> dict[Verdict, int]:
        """How many there are of each verdict, at this level or all."""
        counted = Counter(item.verdict for item in self.outcomes if level in (None, item.level))
        return {verdict: counted[verdict] for verdict in VERDICTS}

    @property
    def conforms(self) -> bool:
        """Whether no MUST or SHOULD failed, and some passed; where there are none, whether anything did."""
        binding = [item for item in self.outcomes if item.level in ("MUST", "SHOULD")]
        failed = any(item.verdict == "fail" for item in binding)
        return not failed and any(item.verdict == "pass" for item in binding or self.outcomes)

    @property
    def is_partial(self) -> bool:
        """Whether a MUST was tried and could not be judged, so that to conform means less."""
        unjudged = ("inconclusive", "skipped")
        return any(item.level == "MUST" and item.verdict in unjudged for item in self.outcomes)

    @property
    def judgement(self) -> str:
        """What there is to say in the end: that it conforms, that it does not, or that nobody can tell."""
        if not any(item.verdict in ("pass", "fail") for item in self.outcomes):
            return "could not be judged"
        if not self.conforms:
            return "does not conform"
        return "conforms as far as it was judged" if self.is_partial else "conforms"

    @property
    def headline(self) -> str:
        """The counts in one line, what was not judged included."""
        return ", ".join(f"{number} {verdict}" for verdict, number in self.count().items() if number)


class Run:
    """A run that has begun, of this command."""

    def __init__(self, command: Sequence[str], profile: str) -> None:
        self._command = " ".join(command)
        self._profile = profile
        self._began = time.monotonic()
        self._began_at = datetime.now(UTC)

    def report(self, agent: str, agent_version: str, outcomes: Iterable[Outcome]) -> Report:
        """The report, now that it is done."""
        return Report(
            agent=agent,
            agent_version=agent_version,
            command=self._command,
            profile=self._profile,
            suite_version=__version__,
            began_at=self._began_at.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._began, 1),
            outcomes=tuple(outcomes),
        )


def outcome_of(item: Demand, verdict: Verdict, reason: str, seconds: float) -> Outcome:
    """The outcome of a requirement, without a transcript."""
    return Outcome(
        id=item.id,
        level=item.level,
        text=item.text,
        section=item.section,
        version=item.version,
        aliases=item.aliases,
        verdict=verdict,
        reason=reason,
        seconds=round(seconds, 3),
    )


def read_report(file: Path) -> Report:
    """A report out of a JSON file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise ConfigError(
            f"cannot read the report `{file}`: {why}", hint="reports are written with `--json FILE`"
        ) from exc
