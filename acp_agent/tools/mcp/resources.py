"""What an MCP server can be asked to read, and which URIs are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acp_agent.model.mcp import ResourceInfo
from acp_agent.tools.mcp.content import MAX_URI
from acp_agent.tools.mcp.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mcp.types import Resource, ResourceTemplate

MAX_RESOURCES = 500
"""Resources taken from one server, and as many templates."""

MAX_LINE = 300
"""Characters of a name or description."""


def resource_info(listed: Resource) -> ResourceInfo:
    """What is shown of a resource."""
    return ResourceInfo(
        one_line(listed.uri, MAX_URI),
        one_line(listed.title or listed.name, MAX_LINE),
        one_line(listed.description or "", MAX_LINE),
        listed.mime_type and one_line(listed.mime_type, 80),
        listed.size,
    )


def template_info(listed: ResourceTemplate) -> ResourceInfo:
    """What is shown of a pattern of resources."""
    return ResourceInfo(
        one_line(listed.uri_template, MAX_URI),
        one_line(listed.title or listed.name, MAX_LINE),
        one_line(listed.description or "", MAX_LINE),
        listed.mime_type and one_line(listed.mime_type, 80),
        is_template=True,
    )


def is_among(uri: str, resources: Iterable[ResourceInfo]) -> bool:
    """Whether `uri` is one of these or fits one of these templates.

    A template counts only if it names a scheme: no server is told of whatever a user attaches because it
    calls everything its own.
    """
    return any(
        _fits(uri, resource.uri) if resource.is_template else resource.uri == uri for resource in resources
    )


def _fits(uri: str, template: str) -> bool:
    from mcp.shared.uri_template import (  # lazy: loaded before anything could be listed
        InvalidUriTemplate,
        UriTemplate,
    )

    scheme, separator, _ = template.partition(":")
    if not separator or "{" in scheme or not uri.startswith(f"{scheme}:"):
        return False
    try:
        return UriTemplate.parse(template).match(uri) is not None
    except InvalidUriTemplate:
        return False
