"""`bash`: what is asked, what is shown while it runs, and how the end is told."""

import os

import anyio
import msgspec
import pytest

from acp_agent.base.errors import ToolError
from acp_agent.model.content import Printed, TerminalRef, shown_text
from acp_agent.model.toolcall import ToolCallPatch
from acp_agent.ports import Preview, ProcessResult
from acp_agent.tools.bash import BashTool
from acp_agent.workspaces.local import LocalWorkspace

bash = BashTool(posix=True)
posix_only = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")


class Scripted(LocalWorkspace):
    """Answers every command with one result."""

    result = ProcessResult("", 0)
    terminal_id = ""

    async def run(self, command, *, cwd, timeout, output_limit, sink):
        if self.terminal_id:
            sink.terminal(self.terminal_id)
        sink.output(self.result.output)
        return self.result


@pytest.fixture
def scripted(root, context):
    workspace = Scripted((root,))
    return workspace, msgspec.structs.replace(context, workspace=workspace)


async def _outcome(scripted, result):
    workspace, context = scripted
    workspace.result = result
    return await bash.run({"command": "x"}, context)


async def test_the_exact_command_is_asked_for(context):
    preview = await bash.preview({"command": "npm  'test' -l"}, context)
    assert preview == Preview("npm  'test' -l", "execute", preview.access)
    assert (preview.access.effect, preview.access.subject) == ("execute", "bash:npm test -l")


async def test_a_command_that_only_reads_says_so(context, root):
    (root / "a").write_text("x")
    access = (await bash.preview({"command": "cat a"}, context)).access
    assert (access.effect, access.paths) == ("read", (str(root / "a"),))


async def test_of_a_shell_that_is_not_posix_nothing_is_known(context):
    access = (await BashTool(posix=False).preview({"command": "ls"}, context)).access
    assert (access.effect, access.subject) == ("execute", "bash:ls")
    assert (access.line.calls, access.line.complete) == ((), False)


async def test_a_command_that_the_title_cannot_hold_is_shown_whole(context):
    command = "echo \u202e" + "x" * 300 + "\nrm -rf /"
    preview = await bash.preview({"command": command}, context)
    assert len(preview.title) == 200
    assert preview.title.startswith(r"echo \u202exxx")
    assert preview.title.endswith(r"xxx\nrm -rf /")
    assert preview.content == (shown_text(f"```sh\necho \\u202e{'x' * 300}\nrm -rf /\n```"),)
    assert (preview.access.effect, preview.access.subject) == ("execute", f"bash:{command}")


@posix_only
async def test_a_command_runs_and_its_output_is_shown(context, reports):
    outcome = await bash.run({"command": "echo hi"}, context)
    assert outcome.for_model[0].text == "hi\n"
    assert not outcome.is_error
    assert outcome.display == (Printed("hi\n", 0),)
    assert outcome.raw_output == {"exit_code": 0, "signal": None, "timed_out": False, "truncated": False}
    assert reports[-1] == ToolCallPatch(content=(Printed("hi\n"),))


@posix_only
async def test_a_time_limit_is_told(context):
    with anyio.fail_after(10):
        outcome = await bash.run({"command": "sleep 60", "timeout": 0.2}, context)
    assert outcome.is_error
    assert outcome.for_model[0].text == (
        "(timed out after 0.2 s and was stopped; set `timeout` if it needs longer)"
    )
    assert outcome.raw_output == {
        "exit_code": None,
        "signal": "SIGTERM",
        "timed_out": True,
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("result", "text", "is_error"),
    [
        (ProcessResult("", 0), "(no output)", False),
        (ProcessResult("no newline", 2), "no newline\n(exit code 2)", True),
        (ProcessResult("line\n", 2), "line\n(exit code 2)", True),
        (ProcessResult("", 1), "(exit code 1)", True),
        (ProcessResult("x", None, "SIGKILL"), "x\n(ended by SIGKILL)", True),
        (ProcessResult("", None), "(ended without an exit code)", True),
        (ProcessResult("\x1b[31mred\x1b[0m 10%\r20%\r\ndone\x07", 0), "20%\ndone", False),
    ],
)
async def test_how_it_ended_is_told_to_the_model(scripted, result, text, is_error):
    outcome = await _outcome(scripted, result)
    assert (outcome.for_model[0].text, outcome.is_error) == (text, is_error)


async def test_of_long_output_the_end_is_kept(scripted):
    outcome = await _outcome(scripted, ProcessResult("x" * 40_000 + "end", 0))
    text = outcome.for_model[0].text
    assert text == f"(cut; the last 30000 characters of the output follow)\n{'x' * 29_997}end"
    assert outcome.raw_output["truncated"] is True


async def test_half_an_escape_at_the_cut_is_not_shown(scripted):
    outcome = await _outcome(scripted, ProcessResult("31mhalf\nwhole\n", 0, truncated=True))
    assert outcome.for_model[0].text == "(cut; the last 6 characters of the output follow)\nwhole\n"


async def test_reports_carry_the_end_of_long_output(scripted, reports):
    await _outcome(scripted, ProcessResult("a" * 9_000, 0))
    assert reports == [ToolCallPatch(content=(Printed("a" * 8_000),))]


async def test_a_client_terminal_shows_its_own_output(scripted, reports):
    workspace, _ = scripted
    workspace.terminal_id = "term_1"
    outcome = await _outcome(scripted, ProcessResult("hi\n", 0))
    assert reports == [ToolCallPatch(content=(TerminalRef("term_1"),))]
    assert outcome.display == (TerminalRef("term_1"),)
    assert outcome.for_model[0].text == "hi\n"


@pytest.mark.parametrize(
    "args",
    [{"command": ""}, {"command": "a\0"}, {"command": "a", "timeout": 601}, {"command": "a", "timeout": 0}],
)
async def test_arguments_that_cannot_work_are_refused(context, args):
    with pytest.raises(ToolError):
        await bash.preview(args, context)
