"""An agent that never asks the scripted model is told so, and nothing it could not do is held against it."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from acp_agent.conformance.catalogue import REQUIREMENTS
from acp_agent.conformance.profile import bundled
from acp_agent.conformance.report import Report
from acp_agent.conformance.running import run_requirements
from tests.conformance.agents import reference

pytestmark = pytest.mark.timeout(120)  # each of them is tried against everything, by the first test

SILENCES = ("says-nothing", "echoes", "fails", "hangs")
"""What an agent without its model may do with prompts: end them, with or without words, fail, or hang."""

SHOWN_BY_WORK = (
    *(
        "cancel",
        "tool-call",
        "permission",
        "fs",
        "terminal",
        "elicitation",
        "plan",
        "usage",
        "withdraw",
        "speed",
    ),
    *("load.same-as-live", "load.order", "load.does-nothing", "load.goes-on", "prompt.text-arrives"),
    *(
        "prompt.failure-told",
        "prompt.thinking-apart",
        "framing.utf-8",
        "delete.gone",
        "prompt.image",
        "mcp.visible-to-model",
        "mcp.apart",
    ),
)
"""Areas and requirements that nobody can keep without working."""


TALKATIVE = {"cancel", "prompt", "load", "resume", "list", "close", "concurrent", "robust", "modes", "plan"}
"""The areas whose checks prompt in ways of their own; the other silences are tried against these."""


async def _judge_all() -> dict[str, Report]:
    reports: dict[str, Report] = {}
    profile = msgspec.structs.replace(bundled()["generic"], start_time=5)

    async def judge(silence: str) -> None:
        command = [*reference(), "--silence", silence]
        patience = 1.5 if silence == "hangs" else 5.0
        tried = [item for item in REQUIREMENTS if silence in SILENCES[:2] or item.area in TALKATIVE]
        reports[silence] = await run_requirements(
            command, profile, tried, jobs=12 if silence == "hangs" else 4, patience=patience
        )

    async with anyio.create_task_group() as tasks:
        for silence in SILENCES:
            tasks.start_soon(judge, silence)
    return reports


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    return anyio.run(_judge_all)


@pytest.mark.parametrize("silence", SILENCES)
def test_silence_is_not_a_failure(silence: str, reports: dict[str, Report]) -> None:
    found = [(item.id, item.reason) for item in reports[silence].outcomes if item.verdict == "fail"]
    assert found == []


@pytest.mark.parametrize("silence", SILENCES)
def test_nothing_passes_that_was_never_seen(silence: str, reports: dict[str, Report]) -> None:
    passed = {item.id for item in reports[silence].outcomes if item.verdict == "pass"}
    vacuous = {id for id in passed if id.startswith(SHOWN_BY_WORK)}
    assert vacuous - NEEDS_NO_WORK == set()


@pytest.mark.parametrize("silence", SILENCES)
def test_the_reason_names_the_model_that_was_not_asked(silence: str, reports: dict[str, Report]) -> None:
    unseen = [item for item in reports[silence].outcomes if item.verdict == "inconclusive"]
    named = [item for item in unseen if "scripted model" in item.reason]
    assert len(named) >= 50
    assert len(unseen) >= 60


NEEDS_NO_WORK = {"cancel.idle", "speed.initialize", "speed.exit"}
"""A cancel without a turn is no work, nor is starting and ending."""
