"""What a server offers besides tools, against the demo server: prompts, resources, news, progress."""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.content import Resource, Text, shown_text
from acp_agent.model.mcp import PromptArgument, PromptInfo, ResourceInfo, StdioServer
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import ServerContext
from acp_agent.tools.mcp.progress import Progress, progress_text
from acp_agent.tools.mcp.server import McpSource
from tests.patience import PATIENCE
from tests.tools.mcp_stage import CONTEXT, DEMO, offered, raw, running, said, until


@asynccontextmanager
async def demo(
    cwd: Path, roots: Callable[[], tuple[Path, ...]] = tuple, changed: Callable[[], None] = lambda: None
) -> AsyncGenerator[McpSource]:
    server = StdioServer("demo", sys.executable, DEMO)
    source = McpSource(server, ServerContext(cwd, roots=roots, changed=changed))
    async with running(source):
        assert source.failure is None
        yield source


async def test_prompts_are_known_soon_after_the_tools_and_expand(tmp_path: Path) -> None:
    async with demo(tmp_path) as source:
        await until(lambda: bool(source.prompts()))
        arguments = (PromptArgument("language", required=True), PromptArgument("focus"))
        assert source.prompts() == (PromptInfo("review", "Review some code.", arguments),)
        assert await source.expand("review", {"language": "Go"}) == (Text("Review this Go code for errors."),)
        with pytest.raises(ToolError, match="`demo` answered with an error"):
            await source.expand("review", {})
        with pytest.raises(ToolError, match="`demo` answered with an error"):
            await source.expand("nothing", {})
    assert source.prompts() == ()
    with pytest.raises(ToolError, match="is gone"):
        await source.expand("review", {"language": "Go"})


async def test_resources_and_templates_are_listed_and_read(tmp_path: Path) -> None:
    async with demo(tmp_path) as source:
        assert source.has_resources
        motto, dot, square = await source.resources()
        assert motto == ResourceInfo("demo://motto", "motto", "The server's motto.", "text/plain")
        assert dot.mime_type == "image/png"
        assert (square.uri, square.is_template) == ("demo://squares/{number}", True)
        assert await source.read_resource("demo://motto") == (
            Resource("demo://motto", text="small is beautiful", mime_type="text/plain"),
        )
        (picture,) = await source.read_resource("demo://dot")
        assert (picture.text, picture.mime_type, bool(picture.blob)) == (None, "image/png", True)
        (nine,) = await source.read_resource("demo://squares/3")
        assert nine.text == "9"
        with pytest.raises(ToolError, match="`demo` answered with an error"):
            await source.read_resource("demo://other")
    assert not source.has_resources


async def test_a_source_owns_what_it_lists_and_what_fits_its_templates(tmp_path: Path) -> None:
    async with demo(tmp_path) as source:
        owned = [await source.owns(uri) for uri in ("demo://motto", "demo://squares/7", "demo://else", "x:y")]
        assert owned == [True, True, False, False]
    assert not await source.owns("demo://motto")


async def test_new_tools_and_prompts_are_offered_and_told_of(tmp_path: Path) -> None:
    changes: list[None] = []
    async with demo(tmp_path, changed=lambda: changes.append(None)) as source:
        await until(lambda: bool(source.prompts()))
        n_changes = len(changes)
        assert await said(source, "learn", {"word": "mellon"}) == "learned mellon"
        await until(lambda: len(source.prompts()) == 2 and len(source.tools()) == 12)
        await until(lambda: len(changes) > n_changes)
        assert await said(source, "mellon", {}) == "mellon!"
        assert await source.expand("mellon", {}) == (Text("mellon!"),)


async def test_progress_of_a_call_is_reported_with_its_message_and_amount(tmp_path: Path) -> None:
    reports: list[ToolCallPatch] = []
    context = msgspec.structs.replace(CONTEXT, report=reports.append)
    async with demo(tmp_path) as source:
        assert await said(source, "count", {"to": 500}, context) == "counted to 500"
        n_reports = len(reports)
        assert reports[0] == ToolCallPatch(content=(shown_text("counting 1 (1 of 500)"),))
        assert n_reports < 100  # a flood is not passed on
        await said(source, "echo", {"text": "x"})
        assert len(reports) == n_reports  # a call that ended reports nothing more


async def test_the_latest_report_is_shown_even_if_nothing_follows() -> None:
    reports: list[ToolCallPatch] = []
    progress = Progress(reports.append)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for number in range(1, 101):
                tasks.start_soon(progress.take, number, 100)
    assert reports == [
        ToolCallPatch(content=(shown_text("1 of 100"),)),
        ToolCallPatch(content=(shown_text("100 of 100"),)),
    ]
    progress.close()
    await progress.take(7)
    assert len(reports) == 2


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        ((3, 10, "Loading"), "Loading (3 of 10)"),
        ((0.25, 1, None), "0.25 of 1"),
        ((7, None, ""), "7"),
        ((float("nan"), float("inf"), "\x1b[31mred\n"), "[31mred (nan of inf)"),
    ],
)
def test_a_report_is_one_line(report: tuple[float, float | None, str | None], shown: str) -> None:
    assert progress_text(*report) == shown


async def test_roots_are_those_of_the_session_and_changes_are_told(tmp_path: Path) -> None:
    roots = [tmp_path]
    async with demo(tmp_path, roots=lambda: tuple(roots)) as source:
        assert await said(source, "roots", {}) == tmp_path.as_uri()
        roots.append(tmp_path / "a b")
        source.roots_changed()
        assert await said(source, "roots", {}) == f"{tmp_path.as_uri()} {(tmp_path / 'a b').as_uri()}"


async def test_sampling_is_refused_in_words(tmp_path: Path) -> None:
    async with demo(tmp_path) as source:
        with pytest.raises(ToolError, match="Sampling not supported"):
            await offered(source, "think").run({}, CONTEXT)
        assert await said(source, "add", {"a": 1, "b": 1}) == "2"


async def test_a_list_without_an_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    program = """
page = 0
def other(message):
    global page
    page += 1
    if message["method"] == "resources/list":
        send(id=message["id"], result={"resources": [], "nextCursor": str(page)})
    elif message["method"] == "resources/templates/list":
        send(id=message["id"], result={"resourceTemplates": []})
serve([], other=other, capabilities={"resources": {}})
"""
    source = McpSource(raw(program), ServerContext(tmp_path))
    async with running(source):
        with anyio.fail_after(PATIENCE):
            assert await source.resources() == []
