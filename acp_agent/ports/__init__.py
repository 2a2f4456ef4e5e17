"""What the engine needs from the world, as protocols. Adapters satisfy them structurally.

Must not know: any adapter, JSON-RPC, any wire format. Start reading at `tools.py` and `host.py`.
"""

from acp_agent.ports.asking import ask_nobody
from acp_agent.ports.context import ContextProvider, ContextQuery
from acp_agent.ports.host import Asker, Broker, Host
from acp_agent.ports.memory import MemoryStore
from acp_agent.ports.models import Provider
from acp_agent.ports.security import SecurityProvider
from acp_agent.ports.servers import MessageChannel, ServerContext
from acp_agent.ports.skills import SkillShelf
from acp_agent.ports.store import Freed, SearchHit, SessionPage, SessionStore
from acp_agent.ports.tools import Delegation, Preview, Tool, ToolContext, ToolSource
from acp_agent.ports.workspace import FileEntry, ProcessResult, RunSink, Workspace

__all__ = [
    "ask_nobody",
    "Asker",
    "Broker",
    "ContextProvider",
    "ContextQuery",
    "Delegation",
    "FileEntry",
    "Freed",
    "Host",
    "MemoryStore",
    "MessageChannel",
    "Preview",
    "ProcessResult",
    "Provider",
    "RunSink",
    "SearchHit",
    "SecurityProvider",
    "ServerContext",
    "SessionPage",
    "SessionStore",
    "SkillShelf",
    "Tool",
    "ToolContext",
    "ToolSource",
    "Workspace",
]
