"""All requirements."""

from __future__ import annotations

from collections.abc import Sequence

from acp_agent.base.errors import ConfigError
from acp_agent.conformance.checks import (
    cancellation,
    client_methods,
    extensibility,
    framing,
    hygiene,
    lifecycle,
    negotiation,
    options,
    permissions,
    replay,
    robustness,
    tool_calls,
    turns,
)
from acp_agent.conformance.requirement import LEVELS, Requirement

REQUIREMENTS: tuple[Requirement, ...] = (
    *framing.REQUIREMENTS,
    *negotiation.REQUIREMENTS,
    *lifecycle.REQUIREMENTS,
    *turns.REQUIREMENTS,
    *cancellation.REQUIREMENTS,
    *tool_calls.REQUIREMENTS,
    *permissions.REQUIREMENTS,
    *client_methods.REQUIREMENTS,
    *options.REQUIREMENTS,
    *replay.REQUIREMENTS,
    *robustness.REQUIREMENTS,
    *extensibility.REQUIREMENTS,
    *hygiene.REQUIREMENTS,
)
"""In the order of reports: the conversation from its first line to its end."""


def chosen(only: str = "", level: str = "") -> tuple[Requirement, ...]:
    """The requirements that `only` names, at `level` or stricter.

    `only` is a list with commas of ids, areas (the part before the dot) and aliases; empty is all.

    Raises:
        ConfigError: a name fits nothing.
    """
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if not any(_is_called(item, name) for item in REQUIREMENTS):
            raise ConfigError(
                f"no requirement `{name}`", hint="`acp-agent conformance --list` shows the ids and areas"
            )
    levels: Sequence[str] = LEVELS[: LEVELS.index(level) + 1] if level in LEVELS else LEVELS
    return tuple(
        item
        for item in REQUIREMENTS
        if item.level in levels and (not names or any(_is_called(item, name) for name in names))
    )


def _is_called(item: Requirement, name: str) -> bool:
    return name in (item.id, item.area, *item.aliases)
