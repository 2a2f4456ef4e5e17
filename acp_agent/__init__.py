"""acp-agent: a coding agent for every editor that speaks the Agent Client Protocol.

Importing this package loads nothing else; names are resolved on first use.
"""

TYPE_CHECKING = False  # what type checkers take as true; `typing` is not loaded for it

__version__ = "0.1.0"

if TYPE_CHECKING:
    from acp_agent.sdk.embed.agent import AsyncAgent as AsyncAgent
    from acp_agent.sdk.embed.agent_event import AgentEvent as AgentEvent
    from acp_agent.sdk.embed.attachments import Attachment as Attachment
    from acp_agent.sdk.embed.blocking import Agent as Agent
    from acp_agent.sdk.embed.blocking_session import Session as Session
    from acp_agent.sdk.embed.blocking_stream import EventStream as EventStream
    from acp_agent.sdk.embed.custom_tools import ToolContext as ToolContext
    from acp_agent.sdk.embed.custom_tools import ToolOutput as ToolOutput
    from acp_agent.sdk.embed.custom_tools import tool as tool
    from acp_agent.sdk.embed.errors import CodeError as CodeError
    from acp_agent.sdk.embed.errors import RunFailed as RunFailed
    from acp_agent.sdk.embed.errors import SessionBusy as SessionBusy
    from acp_agent.sdk.embed.errors import SessionClosed as SessionClosed
    from acp_agent.sdk.embed.messages import ContentBlock as ContentBlock
    from acp_agent.sdk.embed.messages import Message as Message
    from acp_agent.sdk.embed.option_fields import SystemPromptSlots as SystemPromptSlots
    from acp_agent.sdk.embed.options import SessionOptions as SessionOptions
    from acp_agent.sdk.embed.permission import ConfirmationPolicy as ConfirmationPolicy
    from acp_agent.sdk.embed.permission import PermissionPolicy as PermissionPolicy
    from acp_agent.sdk.embed.results import AgentResult as AgentResult
    from acp_agent.sdk.embed.results import TokenUsage as TokenUsage
    from acp_agent.sdk.embed.session import AsyncSession as AsyncSession
    from acp_agent.sdk.embed.session_data import SessionData as SessionData
    from acp_agent.sdk.embed.session_data import SessionStore as SessionStore
    from acp_agent.sdk.embed.session_stores import FileSessionStore as FileSessionStore
    from acp_agent.sdk.embed.session_stores import MemorySessionStore as MemorySessionStore
    from acp_agent.sdk.embed.session_stores import PostgresSessionStore as PostgresSessionStore
    from acp_agent.sdk.embed.session_stores import SqliteSessionStore as SqliteSessionStore
    from acp_agent.sdk.embed.tokens import CancellationToken as CancellationToken

_HOMES = {
    "AsyncAgent": "agent",
    "AgentEvent": "agent_event",
    "Attachment": "attachments",
    "Agent": "blocking",
    "Session": "blocking_session",
    "EventStream": "blocking_stream",
    "ToolContext": "custom_tools",
    "ToolOutput": "custom_tools",
    "tool": "custom_tools",
    "CodeError": "errors",
    "RunFailed": "errors",
    "SessionBusy": "errors",
    "SessionClosed": "errors",
    "ContentBlock": "messages",
    "Message": "messages",
    "SystemPromptSlots": "option_fields",
    "SessionOptions": "options",
    "ConfirmationPolicy": "permission",
    "PermissionPolicy": "permission",
    "AgentResult": "results",
    "TokenUsage": "results",
    "AsyncSession": "session",
    "SessionData": "session_data",
    "SessionStore": "session_data",
    "FileSessionStore": "session_stores",
    "MemorySessionStore": "session_stores",
    "PostgresSessionStore": "session_stores",
    "SqliteSessionStore": "session_stores",
    "CancellationToken": "tokens",
}
"""The modules of `acp_agent.sdk.embed` that the names of the library are from."""


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `acp_agent` has no attribute `{name}`")
    import importlib  # lazy: serving an editor needs none of these

    return getattr(importlib.import_module(f"acp_agent.sdk.embed.{home}"), name)


def __dir__() -> list[str]:
    return ["__version__", *_HOMES]
