"""Pages of the internet: which addresses are reached, what of a page is read, where a redirect ends."""

from __future__ import annotations

import gzip
import ipaddress
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from acp_agent.base.errors import ToolError
from acp_agent.model.content import Text
from acp_agent.ports import ToolContext
from acp_agent.tools.web.connection import is_public
from acp_agent.tools.web.fetch import MAX_BYTES, WebFetchTool
from tests.patience import PATIENCE

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
    *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
    *("::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1%eth0", "192.0.2.1", "198.18.0.1"),
    *("::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1", "64:ff9b:1::7f00:1", "2001:0:7f00:1::", "5f00::1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_this_machine_or_a_private_network_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@asynccontextmanager
async def site(answer: Callable[[str], bytes]) -> AsyncGenerator[str]:
    """A web site on loopback; `answer` makes the whole response for a path."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request:
                request += await stream.receive()
            await stream.send(answer(request.split(b" ")[1].decode()))

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with anyio.fail_after(PATIENCE):
            yield f"http://127.0.0.1:{port}"
        tasks.cancel_scope.cancel()


def page(body: bytes, *, kind: str = "text/html", status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


async def fetch(url: str, context: ToolContext, **more: Any) -> str:
    tool = WebFetchTool(is_allowed=lambda address: address.is_loopback)
    (part,) = (await tool.run({"url": url, **more}, context)).for_model
    assert isinstance(part, Text)
    return part.text


async def test_a_host_that_is_not_public_is_never_connected_to(context: ToolContext) -> None:
    reached: list[str] = []

    def answer(path: str) -> bytes:
        reached.append(path)
        return page(b"secret")

    async with site(answer) as url:
        with pytest.raises(ToolError, match="public internet"):
            await WebFetchTool().run({"url": url}, context)
        with pytest.raises(ToolError, match="public internet"):
            await WebFetchTool().run({"url": url.replace("127.0.0.1", "localhost")}, context)
        port = url.rpartition(":")[2]
        for host in ("2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:7f00:1]", "①②⑦.0.0.1", "0"):
            with pytest.raises(ToolError):
                await WebFetchTool().run({"url": f"http://{host}:{port}/"}, context)
    assert reached == []


async def test_a_page_is_read_as_text(context: ToolContext) -> None:
    html = b"""<html><head><title>x</title><style>b{}</style></head><body><h2>News</h2>
    <p>One &amp; <a href="https://example.org/a">two</a>.</p><script>evil()</script><ul><li>a<li>b</ul></body>"""
    async with site(lambda path: page(html)) as url:
        text = await fetch(url, context)
    assert text == "## News\n\nOne & two (https://example.org/a).\n\n- a\n- b"


@pytest.mark.parametrize(
    ("body", "kind", "more", "text"),
    [
        ("Grüße".encode("latin-1"), "text/plain; charset=ISO-8859-1", "", "Grüße"),
        ('<meta charset="windows-1251"><p>Привет'.encode("cp1251"), "text/html", "", "Привет"),
        ("\ufeffhi".encode(), "text/plain", "", "hi"),
        ("hi".encode("utf-16"), "text/plain", "", "hi"),
        (b"hi", "text/plain; charset=undefined", "", "hi"),
        (b"hi", "text/plain; charset=idna", "", "hi"),
        (gzip.compress(b"packed"), "text/plain", "content-encoding: gzip\r\n", "packed"),
    ],
)
async def test_a_page_is_read_in_its_own_characters(
    body: bytes, kind: str, more: str, text: str, context: ToolContext
) -> None:
    async with site(lambda path: page(body, kind=kind, more=more)) as url:
        assert await fetch(url, context) == text


async def test_a_page_that_unpacks_without_end_is_cut(context: ToolContext) -> None:
    bomb = gzip.compress(b"a" * 20_000_000)
    async with site(lambda path: page(bomb, kind="text/plain", more="content-encoding: gzip\r\n")) as url:
        assert f"({MAX_BYTES - 50_000} more characters;" in await fetch(url, context)


async def test_an_address_is_asked_about_and_sent_in_plain_letters(context: ToolContext) -> None:
    preview = await WebFetchTool().preview({"url": "https://BÜCHER.example/Köln a?q=ü&x=%20#y"}, context)
    assert preview.title == "Fetch https://xn--bcher-kva.example/K%C3%B6ln%20a?q=%C3%BC&x=%20"
    assert preview.access.subject == "web_fetch xn--bcher-kva.example"
    preview = await WebFetchTool().preview({"url": "https://EXAMPLE.org.:8443"}, context)
    assert preview.title == "Fetch https://example.org:8443/"
    assert preview.access.subject == "web_fetch example.org"
    async with site(lambda path: page(path.encode(), kind="text/plain")) as url:
        assert await fetch(f"{url}/Köln a", context) == "/K%C3%B6ln%20a"


async def test_a_redirect_stays_on_the_approved_host(context: ToolContext) -> None:
    def answer(path: str) -> bytes:
        if path == "/start":
            return page(b"", status="302 Found", more="location: /end\r\n")
        if path == "/away":
            return page(b"", status="302 Found", more="location: http://169.254.169.254/meta\r\n")
        if path == "/loop":
            return page(b"", status="302 Found", more="location: /loop\r\n")
        return page(b"there", kind="text/plain")

    async with site(answer) as url:
        assert await fetch(f"{url}/start", context) == "there"
        with pytest.raises(ToolError, match=r"redirects to `http://169\.254"):
            await fetch(f"{url}/away", context)
        with pytest.raises(ToolError, match="redirects"):
            await fetch(f"{url}/loop", context)


async def test_a_long_page_is_continued(context: ToolContext) -> None:
    async with site(lambda path: page(b"a" * 50_000 + b"b" * 10, kind="text/plain")) as url:
        assert (await fetch(url, context)).endswith("(10 more characters; continue with offset 50000)")
        assert await fetch(url, context, offset=50_000) == "b" * 10


async def test_what_is_no_text_or_no_page_is_said(context: ToolContext) -> None:
    async with site(lambda path: page(b"\x89PNG", kind="image/png", status=path[1:] or "200 OK")) as url:
        with pytest.raises(ToolError, match="image/png"):
            await fetch(url, context)
        for status in ("404", "302"):
            with pytest.raises(ToolError, match=f"answered with status {status}"):
                await fetch(f"{url}/{status}", context)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:///etc/passwd",
            "ftp://example.org",
            "example.org",
            "https://a:b@example.org/",
            "http://[::1",
        ),
        *("http://ä..example", "http://example.org:0", "http://example.org\x00.x"),
    ],
)
async def test_an_address_that_is_none_is_refused_before_anybody_is_asked(
    url: str, context: ToolContext
) -> None:
    with pytest.raises(ToolError, match="url"):
        await WebFetchTool().preview({"url": url}, context)


async def test_permission_is_asked_for_the_host(context: ToolContext) -> None:
    preview = await WebFetchTool().preview({"url": "https://example.org/a?b#c"}, context)
    assert (preview.title, preview.kind) == ("Fetch https://example.org/a?b", "fetch")
    assert (preview.access.effect, preview.access.subject) == ("other", "web_fetch example.org")
