"""Every check is proved by a correct agent that passes it and a defective one that it catches."""

from __future__ import annotations

import anyio
import pytest

from acp_agent.conformance.catalogue import REQUIREMENTS, chosen
from acp_agent.conformance.report import Report
from acp_agent.conformance.requirement import Requirement
from tests.conformance.agents import reference, verdicts

pytestmark = pytest.mark.timeout(900)  # hundreds of processes, started by the first test of this module

JUDGING = tuple(item for item in REQUIREMENTS if item.area != "speed")
"""Speed is graded and never fails; `test_speed.py` has its defects."""

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
    "framing.json-lines": {"framing.control-characters"},
    "framing.utf-8": {"framing.control-characters"},
    "session.additional-directories": {"session.additional-directory-read"},
    "close.running-turn": {item.id for item in chosen("close")},
    "delete.gone": {"delete.not-loaded"},
    "title.told": {"title.set"},
    "fork.own-id": {"fork.goes-on", "fork.has-the-past"},
    "fork.goes-on": {"fork.has-the-past"},
    "permission.before-the-deed": {"permission.late-answer"},
    "elicitation.declined": {"elicitation.calls-ended"},
    "elicitation.dismissed": {"elicitation.refused"},
    "plan.shown": {"plan.whole"},
    "mcp.stdio-connected": {item.id for item in chosen("mcp")},
    "mcp.visible-to-model": {"mcp.result-told"},
    "mcp.ends-with-agent": {"mcp.ends-with-session"},
    "modes.can-be-set": {"modes.while-running"},
    "load.names-its-session": {"load.after-kill-in-turn"},
    "concurrent.two-turns": {"concurrent.many-sessions"},
    "concurrent.turn-blocks-nothing": {"concurrent.question-blocks-nothing", "concurrent.second-prompt"},
    "robust.large-line": {"robust.slow-reader", "robust.slow-reader-cancels"},
    "extension.unknown-capabilities": {"extension.unknown-members"},
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


N_NEIGHBORS = 1


def _tried(defect: Requirement) -> tuple[Requirement, ...]:
    """The check named for the defect, and those behind it in its area."""
    area = chosen(defect.area)
    first = area.index(defect)
    return (area[first:] + area[:first])[: 1 + N_NEIGHBORS]


def _is_caught(defect: str, report: Report) -> bool:
    failed = {item.id for item in report.outcomes if item.verdict == "fail"}
    return defect in failed and failed - {defect} <= INEVITABLE.get(defect, set())


async def _judge_all_mutants() -> dict[str, Report]:
    reports: dict[str, Report] = {}
    limiter = anyio.CapacityLimiter(10)  # most of the time they wait for what a defect keeps from coming

    async def judge(defect: Requirement) -> None:
        async with limiter:
            report = await verdicts(reference(defect.id), _tried(defect), patience=2.0)
            if not _is_caught(defect.id, report):  # perhaps by a machine that is busy with something else
                report = await verdicts(reference(defect.id), _tried(defect), patience=20)
            reports[defect.id] = report

    async with anyio.create_task_group() as tasks:
        for item in JUDGING:
            tasks.start_soon(judge, item)
    return reports


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return anyio.run(_judge_all_mutants)


@pytest.mark.parametrize("defect", [item.id for item in JUDGING])
def test_the_defect_is_caught_by_the_check_named_for_it_and_no_other(
    defect: str, reports: dict[str, Report]
) -> None:
    assert _is_caught(defect, reports[defect]), [
        (item.id, item.verdict, item.reason) for item in reports[defect].outcomes
    ]


async def test_the_correct_agent_passes_everything_and_nothing_is_vacuous() -> None:
    report = await verdicts(reference(), REQUIREMENTS, patience=20, jobs=4)
    assert [(item.id, item.verdict, item.reason) for item in report.outcomes if item.verdict != "pass"] == []
    assert (report.agent, report.agent_version, report.conforms) == ("reference", "1.0", True)


def test_no_two_requirements_share_an_id_and_all_say_what_they_ask() -> None:
    ids = [item.id for item in REQUIREMENTS]
    assert len(set(ids)) == len(ids) >= 200
    assert [item.id for item in REQUIREMENTS if not (item.text.endswith(".") and item.section)] == []


def test_no_alias_stands_for_two_requirements() -> None:
    aliases = [alias for item in REQUIREMENTS for alias in item.aliases]
    assert len(set(aliases)) == len(aliases)
