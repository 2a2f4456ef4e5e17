"""All requirements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from acp_agent.base.errors import ConfigError
from acp_agent.conformance.checks.lifecycle import directories, fidelity, histories, lifecycle, replay, shelf
from acp_agent.conformance.checks.performance import speed
from acp_agent.conformance.checks.robustness import hygiene, leaks, pressure, robustness
from acp_agent.conformance.checks.services import client_methods, client_services, offers, questions
from acp_agent.conformance.checks.settings import endpoints, options, settings
from acp_agent.conformance.checks.tools import (
    call_details,
    consent,
    mcp,
    permissions,
    plans,
    tool_calls,
)
from acp_agent.conformance.checks.turns import cancellation, concurrency, interruptions, media, turns
from acp_agent.conformance.checks.wire import extensibility, framing, logins, negotiation
from acp_agent.conformance.requirement import LEVELS, Demand, Requirement

DemandT = TypeVar("DemandT", bound=Demand)

_ALL: tuple[tuple[Requirement, ...], ...] = (
    framing.REQUIREMENTS,
    negotiation.REQUIREMENTS,
    logins.REQUIREMENTS,
    lifecycle.REQUIREMENTS,
    directories.REQUIREMENTS,
    histories.REQUIREMENTS,
    shelf.REQUIREMENTS,
    turns.REQUIREMENTS,
    media.REQUIREMENTS,
    cancellation.REQUIREMENTS,
    interruptions.REQUIREMENTS,
    tool_calls.REQUIREMENTS,
    call_details.REQUIREMENTS,
    permissions.REQUIREMENTS,
    consent.REQUIREMENTS,
    client_methods.REQUIREMENTS,
    client_services.REQUIREMENTS,
    questions.REQUIREMENTS,
    offers.REQUIREMENTS,
    plans.REQUIREMENTS,
    mcp.REQUIREMENTS,
    options.REQUIREMENTS,
    settings.REQUIREMENTS,
    endpoints.REQUIREMENTS,
    replay.REQUIREMENTS,
    fidelity.REQUIREMENTS,
    concurrency.REQUIREMENTS,
    robustness.REQUIREMENTS,
    pressure.REQUIREMENTS,
    extensibility.REQUIREMENTS,
    hygiene.REQUIREMENTS,
    leaks.REQUIREMENTS,
    speed.REQUIREMENTS,
)

_AREAS = tuple(dict.fromkeys(item.area for part in _ALL for item in part))

REQUIREMENTS: tuple[Requirement, ...] = tuple(
    sorted((item for part in _ALL for item in part), key=lambda item: _AREAS.index(item.area))
)
"""In the order of reports: area by area, the conversation from its first line to its end."""


def chosen(only: str = "", level: str = "") -> tuple[Requirement, ...]:
    """The requirements of agents that `only` names, at `level` or stricter.

    `only` is a list with commas of ids, areas (the part before the dot) and aliases; empty is all.

    Raises:
        ConfigError: a name fits nothing.
    """
    return chosen_among(REQUIREMENTS, only, level)


def chosen_among(items: Sequence[DemandT], only: str, level: str) -> tuple[DemandT, ...]:
    """The same out of any requirements."""
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if not any(_is_called(item, name) for item in items):
            raise ConfigError(
                f"no requirement `{name}`", hint="`acp-agent conformance --list` shows the ids and areas"
            )
    levels: Sequence[str] = LEVELS[: LEVELS.index(level) + 1] if level in LEVELS else LEVELS
    return tuple(
        item
        for item in items
        if item.level in levels and (not names or any(_is_called(item, name) for name in names))
    )


def _is_called(item: Demand, name: str) -> bool:
    return name in (item.id, item.area, *item.aliases)
