"""Every check is proved by a correct agent that passes it and a defective one that it catches."""

from __future__ import annotations

import anyio
import pytest

from acp_agent.conformance.catalogue import REQUIREMENTS, chosen
from acp_agent.conformance.report import Report
from tests.conformance.agents import reference, verdicts

pytestmark = pytest.mark.timeout(300)  # a thousand processes, started by the first test of this module

INEVITABLE: dict[str, set[str]] = {
    "rpc.usable-after-error": {
        "rpc.result-or-error",
        "rpc.answered-once",
        "rpc.no-answer-to-notifications",
        "rpc.unknown-method",
        "rpc.error-messages",
    },
    "initialize.version-1": {"initialize.unknown-version", "initialize.minimal", "initialize.keyless"},
    "initialize.keyless": {item.id for item in chosen("initialize")},
    "session.new": {"session.ids-differ", "session.absolute-cwd"},
    "list.everything": {"list.by-directory"},
    "prompt.stop-reason": {
        "prompt.max-tokens",
        "prompt.failure-told",
        "prompt.resource-link",
        "prompt.image",
        "prompt.audio",
        "prompt.embedded-resource",
    },
    "cancel.streaming": {item.id for item in chosen("cancel")},
    "cancel.open-permission": {"cancel.calls-ended"},
    "cancel.running-command": {"cancel.command-ended"},
    "cancel.idle": {"cancel.twice"},
    "cancel.twice": {"cancel.next-turn"},
    "cancel.next-turn": {"cancel.twice"},
    "tool-call.ids-differ": {"tool-call.announced", "tool-call.status-forward", "tool-call.kind"},
    "tool-call.status-forward": {"tool-call.ended", "tool-call.failure-shown"},
    "tool-call.ended": {"tool-call.failure-shown"},
    "permission.options": {"permission.rejected", "permission.rejection-shown"},
    "permission.rejected": {"permission.rejection-shown"},
    "config.current-is-valid": {"config.answer-is-complete", "config.in-step-with-modes"},
    "load.replays-before-answer": {"load.same-as-live", "load.user-messages", "load.after-kill"},
    "robust.bad-json": {"robust.bad-json-told", "robust.not-utf-8", "robust.deep-nesting"},
    "robust.array": {"robust.invalid-request-told"},
    "process.exits-on-eof": {"process.exits-in-a-turn", "process.no-orphans"},
    "process.exits-in-a-turn": {"process.no-orphans"},
    "robust.split-writes": {"robust.large-line"},
}
"""What else of its area an agent with the defect cannot do right."""


async def _judge_all_mutants() -> dict[str, Report]:
    reports: dict[str, Report] = {}
    limiter = anyio.CapacityLimiter(8)  # most of the time they wait for what a defect keeps from coming

    async def judge(defect: str, area: str) -> None:
        async with limiter:
            reports[defect] = await verdicts(reference(defect), chosen(area), patience=2.5)

    async with anyio.create_task_group() as tasks:
        for item in REQUIREMENTS:
            tasks.start_soon(judge, item.id, item.area)
    return reports


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return anyio.run(_judge_all_mutants)


@pytest.mark.parametrize("defect", [item.id for item in REQUIREMENTS])
def test_the_defect_is_caught_by_the_check_named_for_it_and_no_other(
    defect: str, reports: dict[str, Report]
) -> None:
    failed = {item.id for item in reports[defect].outcomes if item.verdict == "fail"}
    assert defect in failed
    assert failed - {defect} <= INEVITABLE.get(defect, set())


async def test_the_correct_agent_passes_everything_and_nothing_is_vacuous() -> None:
    report = await verdicts(reference(), REQUIREMENTS, patience=20)
    assert [(item.id, item.verdict, item.reason) for item in report.outcomes if item.verdict != "pass"] == []
    assert (report.agent, report.agent_version, report.conforms) == ("reference", "1.0", True)


def test_no_two_requirements_share_an_id_and_all_say_what_they_ask() -> None:
    ids = [item.id for item in REQUIREMENTS]
    assert len(set(ids)) == len(ids) >= 100
    assert [item.id for item in REQUIREMENTS if not (item.text.endswith(".") and item.section)] == []


def test_no_alias_stands_for_two_requirements() -> None:
    aliases = [alias for item in REQUIREMENTS for alias in item.aliases]
    assert len(set(aliases)) == len(aliases)
