"""Runs checks: each on a stage of its own, several at a time."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import msgspec

from acp_agent.base.groups import one_error
from acp_agent.base.jsontext import JsonObject
from acp_agent.conformance.agent_process import AgentProcess
from acp_agent.conformance.profile import Profile
from acp_agent.conformance.reach import object_at, text_at
from acp_agent.conformance.report import Outcome, Report, Run, outcome_of
from acp_agent.conformance.requirement import Requirement
from acp_agent.conformance.stage import PATIENCE, Stage, open_stage
from acp_agent.conformance.verdicts import NotPassed, Verdict

CHECK_TIME = 60.0
"""Seconds one check may take, beside the time the profile gives the agent to start."""

ALL_TIME = 900.0
"""Seconds all checks together may take: an agent that leaves everything unanswered must not take hours."""

_MUTE = 4
"""Checks without a message from the agent after which the others are not tried, if there never was one."""

_LINE_CHARS = 2000
_N_LINES = 400


async def run_requirements(
    command: Sequence[str],
    profile: Profile,
    requirements: Sequence[Requirement],
    *,
    jobs: int | None = None,
    patience: float = PATIENCE,
    time_limit: float = ALL_TIME,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Try all requirements, `jobs` at a time; by default two for each processor, as most of them wait.

    `patience` is how many seconds the agent has for each single answer. What has not begun or ended after
    `time_limit` seconds is inconclusive, and so is all behind the first few checks of an agent that is mute.
    `on_outcome` is told each outcome as it comes; the report has them in the order of `requirements`.
    """
    limiter = anyio.CapacityLimiter(jobs or 2 * (os.cpu_count() or 1))
    run = Run(command, profile.name)
    bounds = _Bounds(time_limit)
    found: dict[str, Outcome] = {}
    named: dict[str, str] = {}
    offered: dict[bytes, JsonObject] = {}

    async def judge(item: Requirement) -> None:
        async with limiter:
            if why := bounds.why_not():
                outcome = outcome_of(item, "inconclusive", why, 0.0)
            else:
                outcome, info = await _try(command, profile, item, patience, bounds, offered)
                named.update(info)
        found[item.id] = outcome
        on_outcome(outcome)

    async with anyio.create_task_group() as tasks:
        for item in requirements:
            tasks.start_soon(judge, item)
    outcomes = (found[item.id] for item in requirements)
    return run.report(named.get("name", ""), named.get("version", ""), outcomes)


class _Bounds:
    """What ends a run early: its time, or an agent that never sends a message."""

    def __init__(self, time_limit: float) -> None:
        self.time_limit = time_limit
        self.deadline = anyio.current_time() + time_limit
        self._stages: list[Stage] = []  # all so far, until the agent of one of them has spoken
        self._has_ended = False
        self._has_spoken = False

    def why_not(self) -> str:
        """Why no more is tried; empty as long as it is."""
        tried = [stage for stage in self._stages if stage.agents]
        if self._has_ended and len(tried) >= _MUTE and not self._has_spoken:
            self._has_spoken = any(agent.frames() for stage in tried for agent in stage.agents)
            if not self._has_spoken:
                return f"not tried: the agent sent no message in {len(tried)} checks"
            self._stages.clear()
        if anyio.current_time() >= self.deadline:
            return f"not tried: the {self.time_limit:g} s for the whole run were up"
        return ""

    def begun(self, stage: Stage) -> None:
        """Take account of a check that begins."""
        if not self._has_spoken:
            self._stages.append(stage)

    def ended(self) -> None:
        """Take account of a check that is done."""
        self._has_ended = True


async def _try(
    command: Sequence[str],
    profile: Profile,
    item: Requirement,
    patience: float,
    bounds: _Bounds,
    offered: dict[bytes, JsonObject],
) -> tuple[Outcome, dict[str, str]]:
    """The outcome of one requirement, and what the agent calls itself."""
    began = time.monotonic()
    stage: Stage | None = None
    verdict: Verdict = "fail"
    check_time = CHECK_TIME + profile.start_time
    reason = f"not finished within {check_time:g} s"
    with tempfile.TemporaryDirectory(prefix="acp-conformance-", ignore_cleanup_errors=True) as folder:
        place = await anyio.Path(folder).resolve()
        try:
            with one_error():
                async with open_stage(
                    command,
                    profile,
                    Path(place) / "stage",
                    item.needs,
                    patience=patience,
                    offered=offered,
                ) as stage:
                    bounds.begun(stage)
                    with anyio.CancelScope(deadline=bounds.deadline) as whole:
                        with anyio.move_on_after(check_time):
                            n_judged = await item.check(stage)
                            verdict, reason = "pass", stage.remark
                            if not n_judged:
                                verdict, reason = "inconclusive", _nothing(stage)
                    if whole.cancelled_caught:
                        verdict = "inconclusive"
                        reason = f"not finished: the {bounds.time_limit:g} s for the whole run were up"
        except NotPassed as exc:
            verdict, reason = exc.verdict, str(exc)
        except Exception as exc:  # a check that breaks says nothing about the agent
            verdict, reason = "inconclusive", f"the check itself broke: {exc!r}"
    bounds.ended()
    outcome = outcome_of(item, verdict, reason, time.monotonic() - began)
    if stage is None:
        return outcome, {}
    if verdict in ("fail", "inconclusive"):
        outcome = msgspec.structs.replace(
            outcome, transcript=_transcript(stage.agents), stderr=_stderr(stage.agents)
        )
    return outcome, _name(stage.agents)


def _nothing(stage: Stage) -> str:
    asked = f"; the model was asked {stage.model.n_requests} times"
    return "saw nothing of what it judges" + ("" if stage.profile.plays_scripts else asked)


def _transcript(agents: Sequence[AgentProcess]) -> tuple[str, ...]:
    """Every line of every agent: when, who, what."""
    lines: list[str] = []
    for number, agent in enumerate(agents, start=1):
        if len(agents) > 1:
            lines.append(f"--- process {number}")
        for line in agent.log[:_N_LINES]:
            text = line.raw.decode(errors="replace")
            cut = text if len(text) <= _LINE_CHARS else f"{text[:_LINE_CHARS]} ... ({len(text)} characters)"
            lines.append(f"{line.at:7.3f} {'<' if line.sender == 'agent' else '>'} {cut}")
        if len(agent.log) > _N_LINES:
            lines.append(f"... and {len(agent.log) - _N_LINES} lines more")
    return tuple(lines)


def _stderr(agents: Sequence[AgentProcess]) -> str:
    return "\n".join(agent.stderr.decode(errors="replace") for agent in agents if agent.stderr)


def _name(agents: Sequence[AgentProcess]) -> dict[str, str]:
    for agent in agents:
        for frame in agent.frames():
            info = object_at(frame, "result", "agentInfo")
            if info:
                return {"name": text_at(info, "name"), "version": text_at(info, "version")}
    return {}
