"""acp-agent: a coding agent for every editor that speaks the Agent Client Protocol.

Importing this package loads nothing else; names are resolved on first use.
"""

TYPE_CHECKING = False  # what type checkers take as true; `typing` is not loaded for it

__version__ = "0.1.0"

if TYPE_CHECKING:
    from acp_agent.sdk.embed.agent import AsyncAgent as AsyncAgent
    from acp_agent.sdk.embed.blocking.agent import Agent as Agent
    from acp_agent.sdk.embed.blocking.session import Session as Session
    from acp_agent.sdk.embed.blocking.stream import EventStream as EventStream
    from acp_agent.sdk.embed.delegation.session_tasks import TaskSpec as TaskSpec
    from acp_agent.sdk.embed.delegation.task_book import SubagentTaskSnapshot as SubagentTaskSnapshot
    from acp_agent.sdk.embed.delegation.workers import WorkerAgentSpec as WorkerAgentSpec
    from acp_agent.sdk.embed.errors import CheckpointMissing as CheckpointMissing
    from acp_agent.sdk.embed.errors import CodeError as CodeError
    from acp_agent.sdk.embed.errors import ConfigInvalid as ConfigInvalid
    from acp_agent.sdk.embed.errors import PersistenceFailed as PersistenceFailed
    from acp_agent.sdk.embed.errors import RunFailed as RunFailed
    from acp_agent.sdk.embed.errors import SessionBusy as SessionBusy
    from acp_agent.sdk.embed.errors import SessionClosed as SessionClosed
    from acp_agent.sdk.embed.errors import SessionNotFound as SessionNotFound
    from acp_agent.sdk.embed.errors import ToolFailed as ToolFailed
    from acp_agent.sdk.embed.events.agent_event import AgentEvent as AgentEvent
    from acp_agent.sdk.embed.events.messages import ContentBlock as ContentBlock
    from acp_agent.sdk.embed.events.messages import Message as Message
    from acp_agent.sdk.embed.opening.mcp_servers import McpStatus as McpStatus
    from acp_agent.sdk.embed.options.attachments import Attachment as Attachment
    from acp_agent.sdk.embed.options.budget import BudgetDecision as BudgetDecision
    from acp_agent.sdk.embed.options.context import ContextItem as ContextItem
    from acp_agent.sdk.embed.options.context import ContextProvider as ContextProvider
    from acp_agent.sdk.embed.options.context import ContextQuery as ContextQuery
    from acp_agent.sdk.embed.options.custom_tools import ToolContext as ToolContext
    from acp_agent.sdk.embed.options.custom_tools import ToolOutput as ToolOutput
    from acp_agent.sdk.embed.options.custom_tools import tool as tool
    from acp_agent.sdk.embed.options.fields import SystemPromptSlots as SystemPromptSlots
    from acp_agent.sdk.embed.options.hook_engine import HookEngine as HookEngine
    from acp_agent.sdk.embed.options.host_env import FixedClock as FixedClock
    from acp_agent.sdk.embed.options.host_env import HostEnv as HostEnv
    from acp_agent.sdk.embed.options.host_env import RetryConfig as RetryConfig
    from acp_agent.sdk.embed.options.host_env import SequentialIdGenerator as SequentialIdGenerator
    from acp_agent.sdk.embed.options.inline_skills import InlineSkill as InlineSkill
    from acp_agent.sdk.embed.options.memory import FileMemoryStore as FileMemoryStore
    from acp_agent.sdk.embed.options.memory import InMemoryStore as InMemoryStore
    from acp_agent.sdk.embed.options.memory import MemoryConfig as MemoryConfig
    from acp_agent.sdk.embed.options.memory import MemoryItem as MemoryItem
    from acp_agent.sdk.embed.options.memory import MemoryStore as MemoryStore
    from acp_agent.sdk.embed.options.permission import ConfirmationPolicy as ConfirmationPolicy
    from acp_agent.sdk.embed.options.permission import PermissionPolicy as PermissionPolicy
    from acp_agent.sdk.embed.options.session_options import SessionOptions as SessionOptions
    from acp_agent.sdk.embed.queue.config import SessionQueueConfig as SessionQueueConfig
    from acp_agent.sdk.embed.runs.records import ActiveTool as ActiveTool
    from acp_agent.sdk.embed.runs.records import LoopCheckpoint as LoopCheckpoint
    from acp_agent.sdk.embed.runs.records import RetentionLimits as RetentionLimits
    from acp_agent.sdk.embed.runs.records import RunEventRecord as RunEventRecord
    from acp_agent.sdk.embed.runs.records import RunSnapshot as RunSnapshot
    from acp_agent.sdk.embed.runs.results import AgentResult as AgentResult
    from acp_agent.sdk.embed.runs.results import SideAnswer as SideAnswer
    from acp_agent.sdk.embed.runs.results import TokenUsage as TokenUsage
    from acp_agent.sdk.embed.runs.results import ToolResult as ToolResult
    from acp_agent.sdk.embed.runs.streams import AsyncEventStream as AsyncEventStream
    from acp_agent.sdk.embed.runs.trace_log import TraceEvent as TraceEvent
    from acp_agent.sdk.embed.sessions.extensions import CommandContext as CommandContext
    from acp_agent.sdk.embed.sessions.objects import GeneratedObject as GeneratedObject
    from acp_agent.sdk.embed.sessions.session import AsyncSession as AsyncSession
    from acp_agent.sdk.embed.sessions.tokens import CancellationToken as CancellationToken
    from acp_agent.sdk.embed.sessions.verification import VerificationCommand as VerificationCommand
    from acp_agent.sdk.embed.sessions.verification import VerificationReport as VerificationReport
    from acp_agent.sdk.embed.stores.session_data import SessionData as SessionData
    from acp_agent.sdk.embed.stores.session_data import SessionStore as SessionStore
    from acp_agent.sdk.embed.stores.session_stores import FileSessionStore as FileSessionStore
    from acp_agent.sdk.embed.stores.session_stores import JournalFileSessionStore as JournalFileSessionStore
    from acp_agent.sdk.embed.stores.session_stores import MemorySessionStore as MemorySessionStore
    from acp_agent.sdk.embed.stores.session_stores import PostgresSessionStore as PostgresSessionStore
    from acp_agent.sdk.embed.stores.session_stores import SqliteSessionStore as SqliteSessionStore

_HOMES = {
    "AsyncAgent": "agent",
    "AgentEvent": "events.agent_event",
    "Attachment": "options.attachments",
    "Agent": "blocking.agent",
    "Session": "blocking.session",
    "EventStream": "blocking.stream",
    "BudgetDecision": "options.budget",
    "ContextItem": "options.context",
    "ContextProvider": "options.context",
    "ContextQuery": "options.context",
    "ToolContext": "options.custom_tools",
    "ToolOutput": "options.custom_tools",
    "tool": "options.custom_tools",
    "SubagentTaskSnapshot": "delegation.task_book",
    "WorkerAgentSpec": "delegation.workers",
    "TaskSpec": "delegation.session_tasks",
    "CheckpointMissing": "errors",
    "CodeError": "errors",
    "ConfigInvalid": "errors",
    "PersistenceFailed": "errors",
    "RunFailed": "errors",
    "SessionBusy": "errors",
    "SessionClosed": "errors",
    "SessionNotFound": "errors",
    "ToolFailed": "errors",
    "HookEngine": "options.hook_engine",
    "FixedClock": "options.host_env",
    "HostEnv": "options.host_env",
    "RetryConfig": "options.host_env",
    "SequentialIdGenerator": "options.host_env",
    "InlineSkill": "options.inline_skills",
    "McpStatus": "opening.mcp_servers",
    "FileMemoryStore": "options.memory",
    "InMemoryStore": "options.memory",
    "MemoryConfig": "options.memory",
    "MemoryItem": "options.memory",
    "MemoryStore": "options.memory",
    "ContentBlock": "events.messages",
    "Message": "events.messages",
    "SystemPromptSlots": "options.fields",
    "SessionOptions": "options.session_options",
    "ConfirmationPolicy": "options.permission",
    "PermissionPolicy": "options.permission",
    "SessionQueueConfig": "queue.config",
    "AgentResult": "runs.results",
    "SideAnswer": "runs.results",
    "TokenUsage": "runs.results",
    "ToolResult": "runs.results",
    "ActiveTool": "runs.records",
    "LoopCheckpoint": "runs.records",
    "RetentionLimits": "runs.records",
    "RunEventRecord": "runs.records",
    "RunSnapshot": "runs.records",
    "AsyncSession": "sessions.session",
    "SessionData": "stores.session_data",
    "SessionStore": "stores.session_data",
    "CommandContext": "sessions.extensions",
    "GeneratedObject": "sessions.objects",
    "FileSessionStore": "stores.session_stores",
    "JournalFileSessionStore": "stores.session_stores",
    "MemorySessionStore": "stores.session_stores",
    "PostgresSessionStore": "stores.session_stores",
    "SqliteSessionStore": "stores.session_stores",
    "VerificationCommand": "sessions.verification",
    "VerificationReport": "sessions.verification",
    "AsyncEventStream": "runs.streams",
    "CancellationToken": "sessions.tokens",
    "TraceEvent": "runs.trace_log",
}
"""The modules of `acp_agent.sdk.embed` that the names of the library are from."""

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll] # type checkers see the imports above


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `acp_agent` has no attribute `{name}`")
    import importlib  # lazy: serving an editor needs none of these

    return getattr(importlib.import_module(f"acp_agent.sdk.embed.{home}"), name)


def __dir__() -> list[str]:
    return ["__version__", *_HOMES]
