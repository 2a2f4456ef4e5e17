"""The many ways in which editors name a file and its lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.engine.attachments.links import FileLink, file_link


@pytest.mark.parametrize(
    ("uri", "path", "lines"),
    [
        ("file:///a/b.py", "/a/b.py", None),
        ("FILE:///a/b.py", "/a/b.py", None),
        ("file://localhost/a/b.py", "/a/b.py", None),
        ("file:/a/b.py", "/a/b.py", None),
        ("file:///a/dir/", "/a/dir/", None),
        ("file:///a/b%20c.py", "/a/b c.py", None),
        ("file:///a/b c.py", "/a/b c.py", None),
        ("file:///a/%C3%A9.py", "/a/é.py", None),
        ("file:///a/[id].ts", "/a/[id].ts", None),
        ("file:///a/b.py#L10-20", "/a/b.py", (10, 20)),
        ("file:///a/b.py#L10:20", "/a/b.py", (10, 20)),
        ("file:///a/b.py#L10-L20", "/a/b.py", (10, 20)),
        ("file:///a/b.py#L10C2-L20C7", "/a/b.py", (10, 20)),
        ("file:///a/b.py#L10", "/a/b.py", (10, 10)),
        ("file:///a/b.py#L20:10", "/a/b.py", (10, 20)),
        ("file:///a/b.py#L0:5", "/a/b.py", (1, 5)),
        ("file:///a/b.py?symbol=Thing#L3:9", "/a/b.py", (3, 9)),
        ("file:///a/b.md#a-heading", "/a/b.md", None),
        ("zed:///agent/file?path=%2Fa%2Fb%20c.py", "/a/b c.py", None),
        ("zed:///agent/directory?path=/a/dir", "/a/dir", None),
        ("zed:///agent/selection?path=/a/b.py#L5:15", "/a/b.py", (5, 15)),
        ("zed:///agent/symbol/Thing?path=/a/b.py#L5:15", "/a/b.py", (5, 15)),
        ("/a/b.py", "/a/b.py", None),
        ("/a/b.py#L3", "/a/b.py", (3, 3)),
        ("src/b.py", "src/b.py", None),
        ("C:\\a\\b.py", "C:\\a\\b.py", None),
    ],
)
def test_a_file_and_its_lines_are_understood(uri: str, path: str, lines: tuple[int, int] | None) -> None:
    link = file_link(uri)
    assert link is not None
    assert (link.paths[0], link.lines) == (path, lines)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///c#/b.cs", "/c#/b.cs"),
        ("file:///c#/b.cs#L3:4", "/c#/b.cs"),
        ("file:///a/100%.txt", "/a/100%.txt"),
        ("file:///a/what?.txt", "/a/what?.txt"),
        ("file:///a/%20.txt", "/a/%20.txt"),
        ("file:///a/%FF.txt", "/a/%FF.txt"),
        ("/c#L3", "/c#L3"),
    ],
)
def test_a_path_that_was_not_escaped_is_a_second_reading(uri: str, path: str) -> None:
    link = file_link(uri)
    assert link is not None
    assert path in link.paths


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://example.com/a.py",
        "https://example.com/a.py#L3",
        "file://server/share/a.py",
        "file://[/a.py",
        "zed:///agent/untitled-buffer#L1:10",
        "zed:///agent/thread/1?name=path",
        "zed:///other?path=/a",
        "untitled:Untitled-1",
        "data:text/plain,x",
        "git://a/b",
    ],
)
def test_everything_else_is_no_file(uri: str) -> None:
    assert file_link(uri) is None


@given(
    st.sampled_from(["", "file:", "file://", "file:///", "zed:///agent/x?path=", "/"]), st.text(max_size=30)
)
def test_any_text_is_read_without_an_error(start: str, rest: str) -> None:
    link = file_link(start + rest)
    assert link is None or all(isinstance(path, str) for path in link.paths)
    assert link is None or link.lines is None or 1 <= link.lines[0] <= link.lines[1]


def test_a_link_without_a_path_has_no_readings() -> None:
    assert file_link("file://") == FileLink(())
