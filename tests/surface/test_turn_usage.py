"""The tokens of a turn as the protocol's draft shows them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import TurnId
from acp_agent.model import events
from acp_agent.model.chat import Usage
from acp_agent.surface.handshake import initialize
from acp_agent.surface.v1.turn_usage import TurnUsage
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema(unstable=True)
STARTED = events.TurnStarted(TurnId("t"), datetime(2024, 1, 1, tzinfo=UTC))
COUNTS = st.integers(0, 10**9)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What a service may report: parts are no larger than the whole."""
    read, write, thought = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    return Usage(draw(COUNTS) + read + write, draw(COUNTS) + thought, read, write, thought)


def folded(*steps: Usage) -> TurnUsage:
    usage = TurnUsage()
    for event in (STARTED, *(events.StepEnded("stop", step, "m") for step in steps)):
        usage.apply(event)
    return usage


@given(st.lists(usages(), max_size=4))
def test_every_token_is_counted_once(steps: list[Usage]) -> None:
    shown = folded(*steps).shown()
    written = sum(step.input_tokens + step.output_tokens for step in steps)
    if shown is None:
        assert written == 0
        return
    assert SCHEMA.violations("Usage", shown) == []
    assert shown.pop("totalTokens") == written == sum(map(int, map(str, shown.values())))


@given(st.lists(st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS), min_size=1, max_size=3))
def test_a_service_that_counts_oddly_breaks_no_client(steps: list[Usage]) -> None:
    shown = folded(*steps).shown()
    assert shown is None or SCHEMA.violations("Usage", shown) == []


def test_a_turn_does_not_count_those_before_it() -> None:
    usage = folded(Usage(5, 5))
    usage.apply(STARTED)
    assert usage.shown() is None


@pytest.mark.parametrize(
    ("capabilities", "offered"),
    [
        ({"session": {"configOptions": {"boolean": {}}}}, True),
        ({"session": {"configOptions": {"boolean": None}}}, False),
        ({"session": {"configOptions": {"boolean": True}}}, False),
        ({"session": {"configOptions": {}}}, False),
        ({"session": None}, False),
    ],
)
def test_boolean_options_are_offered_by_an_object(capabilities: object, *, offered: bool) -> None:
    _, offer = initialize({"protocolVersion": 1, "clientCapabilities": capabilities})
    assert offer.boolean_options is offered


@pytest.mark.parametrize(("name", "reads"), [("plan", True), ("subagents", True), ("terminal", False)])
def test_a_client_reads_drafts_if_it_offers_something_of_them(name: str, *, reads: bool) -> None:
    _, offer = initialize({"protocolVersion": 1, "clientCapabilities": {name: {}}})
    assert offer.reads_drafts is reads
