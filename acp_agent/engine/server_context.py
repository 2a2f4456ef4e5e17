"""What the MCP servers of a session may know of it, whoever its client is at that moment."""

from __future__ import annotations

from collections.abc import Callable

from acp_agent.engine.conversation import Conversation
from acp_agent.engine.questions.asking import Scope, ask_user
from acp_agent.ports import MessageChannel, ServerContext


def server_context(
    session: Conversation, channel: MessageChannel | None, *, changed: Callable[[], None]
) -> ServerContext:
    """The context of a server that is connected now; `changed` is told when it offers something else."""
    return ServerContext(
        session.workspace.roots[0],
        channel=channel,
        ask=lambda question: ask_user(question, session.host.asker, Scope(session.id)),
        visited=lambda visit_id: session.host.asker.visited(visit_id),
        roots=lambda: session.workspace.roots,
        changed=changed,
    )
