"""What the MCP servers of a session may know of it, whoever its client is at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.engine.questions.asking import Scope, ask_user
from acp_agent.ports import MessageChannel, ServerContext

if TYPE_CHECKING:
    from acp_agent.engine.session import Session


def server_context(session: Session, channel: MessageChannel | None) -> ServerContext:
    """The context of a server that is connected now."""
    return ServerContext(
        session.workspace.roots[0],
        channel=channel,
        ask=lambda question: ask_user(question, session.host.asker, Scope(session.id)),
        visited=lambda visit_id: session.host.asker.visited(visit_id),
        roots=lambda: session.workspace.roots,
        changed=session.offering.sources_changed,
    )
