"""An MCP server that asks: run as a program by the tests of elicitation and tracing."""

from __future__ import annotations

import json

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

READS = ToolAnnotations(read_only_hint=True)
server = MCPServer("asking")


class Order(BaseModel):
    """What `order` asks for."""

    dish: str = Field(title="Dish", json_schema_extra={"enum": ["soup", "salad"]})
    amount: int = Field(ge=1, le=9)
    hot: bool = True


class Login(BaseModel):
    """What `log_in` asks for and must not."""

    password: str


@server.tool(annotations=READS)
async def order(context: Context) -> str:
    """Ask what the user wants to eat."""
    answer = await context.elicit("What would you like?", Order)
    if answer.action != "accept":
        return f"no order: {answer.action}"
    return f"{answer.data.amount} {answer.data.dish} {answer.data.hot}"


@server.tool(annotations=READS)
async def sure(context: Context) -> str:
    """Ask for a yes or no."""

    class Sure(BaseModel):
        sure: bool

    answer = await context.elicit("Are you sure?", Sure)
    return f"sure: {answer.data.sure}" if answer.action == "accept" else f"unsure: {answer.action}"


@server.tool(annotations=READS)
async def log_in(context: Context) -> str:
    """Ask for a password in a form."""
    answer = await context.elicit("Log in", Login)
    return f"logged in: {answer.action}"


@server.tool(annotations=READS)
async def open_page(url: str, context: Context) -> str:
    """Send the user to a page, and say at once that they are done there."""
    answer = await context.elicit_url("Log in there", url, "page-1")
    if answer.action == "accept":
        await context.session.send_elicit_complete("page-1")
    return f"page: {answer.action}"


@server.tool(annotations=READS)
async def trace(context: Context) -> str:
    """What the caller says about the trace."""
    meta = dict(context.request_context.meta or {})
    return json.dumps({key: meta[key] for key in ("traceparent", "tracestate", "baggage") if key in meta})


if __name__ == "__main__":
    server.run("stdio")
