"""Who delegates to subagents, and how much, as options say it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from acp_agent.model.subagent import AgentKind, DelegationLimits
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.options.given import converted
from acp_agent.sdk.embed.options.session_options import SessionOptions
from acp_agent.sdk.settings.delegation import MAX_TASKS, AutoDelegationTable, delegation_limits


def limits_of(options: SessionOptions, base: DelegationLimits, kind: AgentKind | None) -> DelegationLimits:
    """What the settings say, with what the options say in its place.

    A session that is what a definition says delegates only if that names the tool `task`.

    Raises:
        ConfigInvalid: an option cannot be used.
    """
    most = options.max_parallel_tasks
    if most is not None and not 1 <= most <= MAX_TASKS:
        raise ConfigInvalid(f"`max_parallel_tasks`: must be a number from 1 to {MAX_TASKS}, not `{most}`")
    limits = delegation_limits(
        base,
        _table(options.auto_delegation),
        side_by_side=options.auto_parallel,
        by_model=options.manual_delegation_enabled,
        max_at_work=most,
    )
    if kind is not None and "task" not in (kind.tools or ()):
        return msgspec.structs.replace(limits, by_model=False)
    return limits


def _table(given: Mapping[str, object] | bool | None) -> AutoDelegationTable | None:
    if given is None or isinstance(given, bool):
        return None if given is None else AutoDelegationTable(enabled=given)
    return converted(given, AutoDelegationTable, "`auto_delegation`")
