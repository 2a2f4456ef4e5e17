"""The suite as a pytest plugin: `pytest --acp-agent "my-agent --acp"` adds one test for each requirement.

pytest loads this module in every project that has the package installed, so without the option it does
nothing, and imports nothing but pytest.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from acp_agent.conformance.profile import Profile
    from acp_agent.conformance.report import Outcome
    from acp_agent.conformance.requirement import Requirement

_BINDING = ("MUST", "SHOULD")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, all of which begin with `--acp-`."""
    group = parser.getgroup("acp-agent", "conformance of an agent with the Agent Client Protocol")
    group.addoption("--acp-agent", metavar="CMD", help="command of the agent to try")
    group.addoption("--acp-profile", metavar="NAME", default="", help="how it is started: a name or a file")
    group.addoption("--acp-only", metavar="NAMES", default="", help="ids, areas or aliases, with commas")
    group.addoption("--acp-level", metavar="LEVEL", default="", help="this level and stricter ones")


@pytest.hookimpl(tryfirst=True)  # before `-k` and `-m` choose
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add a test for each requirement behind the project's own."""
    line: str | None = config.getoption("--acp-agent")
    if line:
        parent: AgentUnderTest = AgentUnderTest.from_parent(  # pyright: ignore[reportUnknownMemberType]
            session, name="acp-agent", nodeid="acp-agent"
        )
        items.extend(parent.collect())


class AgentUnderTest(pytest.Collector):
    """The agent of the command line; holds the tests of its requirements."""

    def collect(self) -> Iterator[RequirementTest]:
        """The tests, in the order of reports.

        Raises:
            pytest.UsageError: an option cannot be carried out.
        """
        from acp_agent.base.errors import ConfigError  # lazy: only with the option
        from acp_agent.conformance.catalogue import chosen  # lazy: only with the option
        from acp_agent.conformance.command import whole_command  # lazy: only with the option
        from acp_agent.conformance.profile import find_profile  # lazy: only with the option

        words = shlex.split(self._option("agent"))
        try:
            command = whole_command(words)
            profile = find_profile(self._option("profile"), words)
            for item in chosen(self._option("only"), self._option("level")):
                yield RequirementTest.made(self, item, command, profile)
        except ConfigError as exc:
            raise pytest.UsageError(f"{exc}; {exc.hint}") from exc

    def _option(self, name: str) -> str:
        return str(self.config.getoption(f"--acp-{name}"))


class NotKept(Exception):
    """A requirement was not kept; holds the outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class RequirementTest(pytest.Item):
    """One requirement. A verdict that is neither pass nor fail is a skip with its reason.

    What fails and binds nobody (MAY, quality) is an expected failure: it is told and costs nothing.
    """

    requirement: Requirement
    command: list[str]
    profile: Profile

    @classmethod
    def made(
        cls, parent: AgentUnderTest, item: Requirement, command: list[str], profile: Profile
    ) -> RequirementTest:
        """The test of this requirement; `-k` finds it by id, area and level."""
        test = cls.from_parent(parent, name=item.id)  # pyright: ignore[reportUnknownMemberType]
        test.requirement, test.command, test.profile = item, command, profile
        test.extra_keyword_matches |= {item.area, item.level, *item.aliases}
        return test

    def runtest(self) -> None:
        """Try the requirement on a process of its own."""
        outcome = self._outcome()
        self.user_properties += [
            ("level", outcome.level),
            ("section", outcome.section),
            ("verdict", outcome.verdict),
        ]
        if outcome.reason:
            self.user_properties.append(("reason", outcome.reason))
        self.add_report_section("call", "transcript", "\n".join(outcome.transcript))
        self.add_report_section("call", "agent's stderr", outcome.stderr)
        if outcome.verdict == "fail" and outcome.level in _BINDING:
            raise NotKept(outcome)
        if outcome.verdict == "fail":
            pytest.xfail(f"{outcome.level}: {outcome.reason}")
        if outcome.verdict != "pass":
            pytest.skip(f"{outcome.verdict}: {outcome.reason}")

    def _outcome(self) -> Outcome:
        import anyio  # lazy: only with the option

        from acp_agent.conformance.running import run_requirements  # lazy: only with the option

        async def run() -> Outcome:
            report = await run_requirements(self.command, self.profile, (self.requirement,), jobs=1)
            return report.outcomes[0]

        return anyio.run(run)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is asked, where that is written and what was seen instead of it."""
        error = excinfo.value
        if not isinstance(error, NotKept):
            return super().repr_failure(excinfo, style)
        kept = error.outcome
        return f"{kept.level} {kept.id}: {kept.text} ({kept.section})\n{kept.reason}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Tests are told by the ids of their requirements."""
        return self.path, None, self.name
