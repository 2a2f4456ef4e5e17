"""Hooks of the settings: what a command is given, and what its end and its output mean."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from acp_agent.base.errors import ConfigError, HookFailed
from acp_agent.base.paths import Places
from acp_agent.model.hook import HookAnswer, HookMatcher
from acp_agent.ports.hooks import Occasion
from acp_agent.sdk.command_hooks import answer_from, command_hooks
from acp_agent.sdk.settings.config import load_config
from acp_agent.sdk.settings.hooks import HookTable
from acp_agent.sdk.settings.trust import project_file, trust_folder
from acp_agent.workspaces.exchange import MAX_COMPLAINTS
from acp_agent.workspaces.sandbox import Sandbox

posix = pytest.mark.skipif(os.name == "nt", reason="the commands are POSIX shell")
SECRET = "sk-hooks-secret-1234567890"


async def ask(folder: Path, command: str, timeout: float = 20.0) -> HookAnswer:
    table = HookTable(event="pre_tool_use", command=command, timeout=timeout)
    env = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": SECRET, "PLAIN": "seen"}
    (hook,) = command_hooks((table,), env, Sandbox("off"))
    return await hook.handler(Occasion("pre_tool_use", {"tool": "bash"}, (folder,)))


@posix
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("true", HookAnswer()),
        ("echo all is well", HookAnswer()),
        ("echo not today >&2; exit 2", HookAnswer("block", "not today")),
        ("echo not today; exit 2", HookAnswer("block", "not today")),
        ("""echo '{"action": "block", "reason": "no"}'""", HookAnswer("block", "no")),
        ("""echo '{"action": "skip"}'""", HookAnswer("skip")),
        ("""echo checking; printf '{\\n "action": "block"\\n}\\n'""", HookAnswer("block")),
        ("""printf '\\n  {"action": "block"}'""", HookAnswer("block")),
        ("""yes '' | head -c 90000; echo '{"action": "block"}'""", HookAnswer("block")),  # at once, too
        ("head -c 1000000 /dev/zero >&2; exit 2", HookAnswer("block", "\x00" * MAX_COMPLAINTS)),
        ("""echo '{"remark": "fine"}'""", HookAnswer()),
    ],
)
async def test_what_a_command_answers(tmp_path: Path, command: str, answer: HookAnswer) -> None:
    assert await ask(tmp_path, command) == answer


@posix
@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo oops >&2; exit 1", "it ended with code 1: oops"),
        ("exit 3", "it ended with code 3"),
        ("kill -9 $$", "it ended by SIGKILL"),
        ("echo '{nonsense'", "it printed JSON that cannot be read"),
        ("""echo '{"level": "info"}'; echo '{"action": "block"}'""", "it printed JSON that cannot be read"),
        ("yes | head -c 200000; echo '{}'", "it printed more than 100000 characters"),
        ("""echo '{"action": "approve"}'""", "it answered with the unknown action `approve`"),
    ],
)
async def test_what_is_no_answer(tmp_path: Path, command: str, why: str) -> None:
    with pytest.raises(HookFailed, match=why.replace("{", r"\{")):
        await ask(tmp_path, command)


@posix
async def test_one_that_takes_too_long_gave_no_answer(tmp_path: Path) -> None:
    with pytest.raises(HookFailed, match=r"it took longer than 0\.1 s"):
        await ask(tmp_path, "sleep 60", timeout=0.1)


@posix
async def test_a_command_reads_the_occasion_in_the_workspace_and_sees_no_secret(tmp_path: Path) -> None:
    await ask(tmp_path, "cat > given.json; pwd > where; env > environment")
    given: Any = json.loads((tmp_path / "given.json").read_text("utf-8"))
    assert given == {"event_type": "pre_tool_use", "payload": {"tool": "bash"}}
    assert (tmp_path / "where").read_text("utf-8").strip() == str(tmp_path)
    environment = (tmp_path / "environment").read_text("utf-8")
    assert "PLAIN=seen" in environment
    assert SECRET not in environment


async def test_one_in_a_folder_that_is_gone_gave_no_answer(tmp_path: Path) -> None:
    with pytest.raises(HookFailed, match="it could not be run"):
        await ask(tmp_path / "gone", "true")


@pytest.mark.parametrize("answer", ["yes", 3, [1]])
def test_an_answer_that_is_no_object_is_none(answer: object) -> None:
    with pytest.raises(HookFailed, match="not with an object"):
        answer_from(answer)


USERS = """
[[hooks]]
event = "pre_tool_use"
command = "users"
name = "mine"
tool = "bash"
command_pattern = "rm:*"
priority = 1
timeout = 5
on_failure = "block"
[limits]
max_cost = 2.5
max_tokens_per_prompt = 1000
max_seconds_per_prompt = 60
"""
PROJECTS = '[limits]\nmax_cost = 1000\n[[hooks]]\nevent = "post_tool_use"\ncommand = "projects"\n'


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "config.toml").write_text(USERS, "utf-8")
    return Places(tmp_path / "config.toml", tmp_path / "data", tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    project_file(folder).parent.mkdir(parents=True)
    project_file(folder).write_text(PROJECTS, "utf-8")
    return folder


def test_hooks_of_a_project_count_once_it_is_trusted_and_its_limits_never(
    places: Places, project: Path
) -> None:
    config = load_config(cwd=project, env={}, paths=places)
    assert [hook.command for hook in config.hooks] == ["users"]
    assert "`hooks`, `limits` without effect: the folder is not trusted" in config.ignored[0]
    trust_folder(places, project)
    config = load_config(cwd=project, env={}, paths=places)
    assert [hook.command for hook in config.hooks] == ["users", "projects"]
    assert config.limits.max_cost == 2.5
    assert "`limits` has no effect" in config.ignored[0]


def test_everything_about_a_hook_can_be_set(places: Places) -> None:
    config = load_config(cwd=None, env={}, paths=places)
    (hook,) = command_hooks(config.hooks, {}, Sandbox("off"))
    assert (hook.id, hook.event, hook.priority) == ("mine", "pre_tool_use", 1)
    assert (hook.timeout, hook.on_failure) == (5.0, "block")
    assert hook.matcher == HookMatcher(tool="bash", command_pattern="rm:*")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[[hooks]]\nevent = "pre_tool"\ncommand = "x"', "did you mean `pre_tool_use`?"),
        ('[[hooks]]\nevent = "on_error"', "`hooks[0].command`: is missing"),
        ('[[hooks]]\nevent = "on_error"\ncommand = "x"\ntoll = "x"', "unknown key `hooks[0].toll`"),
        ('[[hooks]]\nevent = "on_error"\ncommand = "x"\ntool = "x"', "`tool` is for pre_tool_use"),
        ('[[hooks]]\nevent = "on_error"\ncommand = "x"\ntimeout = 0', "`hooks[0].timeout`"),
        ('[[hooks]]\nevent = "on_error"\ncommand = "x"\non_failure = "retry"', "`hooks[0].on_failure`"),
        ('hooks = "x"', "`hooks`: expected `list`"),
        ("[limits]\nmax_costs = 1", "unknown key `limits.max_costs`; did you mean `max_cost`?"),
        ("[limits]\nmax_tokens_per_prompt = 0", "`limits.max_tokens_per_prompt`"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, toml: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(toml, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(cwd=None, env={}, paths=Places(tmp_path / "config.toml", tmp_path / "data"))
    assert said in str(caught.value)
