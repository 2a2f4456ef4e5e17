"""What aids found, without the files that the model may not read unasked: nobody is asked about an aid."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import PurePath

from acp_agent.engine.attachments.links import file_link
from acp_agent.engine.permission.rules import Rules, ToolUse
from acp_agent.model.context import ContextItem
from acp_agent.model.permission import Access


def readable_items(
    items: Iterable[ContextItem], rules: Rules, roots: Collection[PurePath]
) -> list[ContextItem]:
    """The items but those from a file that a rule denies to `read`, or wants to be asked about."""
    return [item for item in items if _is_readable(item.source, rules, roots)]


def _is_readable(source: str, rules: Rules, roots: Collection[PurePath]) -> bool:
    if not source.lower().startswith("file:"):
        return True
    link = file_link(source)
    return link is not None and not any(
        rules.judge(ToolUse("read", {}, Access("read", "read", (path,))), roots) in ("deny", "ask")
        for path in link.paths
    )
