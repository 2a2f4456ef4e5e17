"""Connections to public addresses only: every address a name stands for is looked at, each time anew.

The address that was looked at is the one that is connected to, so no second answer of a name server counts.
Importing this module imports httpcore; only `fetch.py` does, with the first page.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

import anyio
import httpcore

from acp_agent.base.errors import ToolError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IsAllowed: TypeAlias = Callable[[Address], bool]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses whose last 32 bits are an IPv4 address."""

UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that was ever given out of IPv6; the rest is for networks of their own, or for nothing yet."""


def is_public(address: Address) -> bool:
    """Whether the address belongs to the internet at large, not to this machine or a network of its own."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.scope_id is not None or address not in UNICAST:
            return False
    return address.is_global and not address.is_multicast


class PublicBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections to hosts whose addresses are all allowed."""

    def __init__(self, is_allowed: IsAllowed = is_public) -> None:
        self._is_allowed = is_allowed
        # It is one; the declared type is that of its stand-in for installations without anyio.
        self._backend = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses, if all of them are allowed.

        Raises:
            ToolError: one is not, or the host has none.
            httpcore.ConnectError, httpcore.ConnectTimeout: it cannot be reached.
        """
        address = await self._checked_address(host, port)
        return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """As the backend beneath."""
        await anyio.sleep(seconds)

    async def _checked_address(self, host: str, port: int) -> str:
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as exc:
            raise ToolError(f"the host `{host}` has no address: {exc.strerror or exc}") from exc
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not self._is_allowed(ipaddress.ip_address(address)):
                raise ToolError(
                    f"the host `{host}` is not on the public internet ({address}), and only that is fetched; "
                    "ask the user, or use a command they approve"
                )
        return addresses[0]
