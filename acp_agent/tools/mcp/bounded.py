"""Answers of MCP servers over HTTP, cut off before they fill the memory.

The SDK reads an answer whole and only then looks at it. Streams of events it bounds itself, event by event.
Importing this module imports httpx2; only `http.py` does, with the first server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx2


class BoundedBody(httpx2.AsyncByteStream):
    """The bytes of `body`, up to `limit`; one more is a StreamError, which fails that call alone."""

    def __init__(self, body: httpx2.AsyncByteStream, limit: int, fault: str) -> None:
        self._body = body
        self._limit = limit
        self._fault = fault

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        left = self._limit
        async for chunk in self._body:
            left -= len(chunk)
            if left < 0:
                raise httpx2.StreamError(self._fault)
            yield chunk

    async def aclose(self) -> None:
        """Close what it is read from."""
        await self._body.aclose()


def bound(response: httpx2.Response, limit: int) -> None:
    """Let no more than `limit` bytes of the body be read; none if it is compressed, which was not asked."""
    fault = f"it is longer than {limit} bytes"
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        del response.headers["Content-Encoding"]
        limit, fault = 0, "it is compressed, which was not asked for"
    elif response.headers.get("Content-Type", "").lower().startswith("text/event-stream"):
        return
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = BoundedBody(response.stream, limit, fault)
