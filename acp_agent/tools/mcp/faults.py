"""What went wrong with an MCP server, as the predicate of a sentence about it."""

from __future__ import annotations

from acp_agent.base.errors import ToolError


def reason(exc: Exception) -> str:
    """Why, without the server's name; it may quote the server and its configuration."""
    import httpx2  # lazy: loaded by the source in a thread, as all of these
    from mcp import MCPError
    from mcp.types import CONNECTION_CLOSED
    from pydantic import ValidationError

    match exc:
        case ExceptionGroup():
            return reason(exc.exceptions[0])
        case ToolError():
            return str(exc)
        case MCPError() if exc.code == CONNECTION_CLOSED and exc.message == "Connection closed":
            return "closed the connection"
        case MCPError():
            return f"answered with an error: {exc.message}"
        case ValidationError():
            return "answered with something that is not MCP"
        case httpx2.HTTPStatusError():
            return f"answered with HTTP status {exc.response.status_code}"
        case TimeoutError():  # an OSError, so it comes first
            return "did not list its changed tools in time"
        case httpx2.HTTPError() | OSError():
            return f"cannot be reached: {exc or type(exc).__name__}"
        case _:
            return f"failed: {type(exc).__name__}: {exc}"


def is_closed(exc: Exception) -> bool:
    """Whether an answer broke off."""
    from mcp import MCPError  # lazy: loaded by the source in a thread
    from mcp.types import CONNECTION_CLOSED

    return isinstance(exc, MCPError) and exc.code == CONNECTION_CLOSED
