"""Skills: told of at the beginning, read on demand, and holding the model to the tools that they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from acp_agent import ports
from acp_agent.base.jsontext import dump_text
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.context.instructions import ClientPrompt
from acp_agent.engine.skills.builtin import BUILTIN_SKILLS
from acp_agent.engine.skills.catalogue import MAX_LISTED, told_skills
from acp_agent.engine.turns.answering import compact_now
from acp_agent.engine.watch import Watch
from acp_agent.model.command import FoundCommands, skill_command
from acp_agent.model.content import Text
from acp_agent.model.hook import CONTINUE, HookAnswer
from acp_agent.model.skill import Skill
from acp_agent.model.surroundings import Surroundings
from acp_agent.tools.skill import skill_tools
from acp_agent.tools.task import task_tools
from tests.engine.conftest import Tool, history, open_stage
from tests.engine.test_hooks import BLOCKED, Log, hook
from tests.engine.test_subagents import answers

PDF = Skill("pdf", "Fills in PDF forms.", "Use the script on $ARGUMENTS.", folder="/skills/pdf")
NOTES = Skill(
    "notes", "Writes release notes.", "Write notes.", allowed_tools=("look", "change(safe)"), version="2"
)
PERSONA = Skill("pirate", "Talks.", "You talk like a pirate.", kind="persona")
USERS = Skill("secret", "For users.", "Only when they say so.", for_model=False)


class Folder:
    """Skills that can change while a session goes on."""

    def __init__(self, *skills: Skill) -> None:
        self.skills = skills

    async def look_around(self, _roots: tuple[Path, ...]) -> Surroundings:
        callable_ = tuple(skill_command(skill) for skill in self.skills if skill.kind != "persona")
        return Surroundings(commands=FoundCommands(callable_, (), self.skills))


def stage(script: str, folder: Folder, *tools: ports.Tool, **more: Any) -> Any:
    watch = more.pop("watch", None)
    mode = more.pop("mode", "auto")
    defaults = Defaults("scripted/script", mode, look_around=folder.look_around, watch=watch)
    return open_stage(script, *tools, defaults=defaults, skill_tools=skill_tools, **more)


def use(name: str, prompt: str = "") -> str:
    return f"call: skill {dump_text({'skill_name': name, 'prompt': prompt})}"


async def test_the_model_is_told_what_there_is_and_reads_the_text_when_it_needs_it() -> None:
    script = f"{use('pdf', 'tax.pdf')}\n---\nsay: done"
    async with stage(script, Folder(PDF, NOTES, USERS)) as on:
        await on.prompt("go")
        told = on.provider.requests[0].system
        assert "- notes: Writes release notes.\n- pdf: Fills in PDF forms." in told
        assert "secret" not in told
        assert "Use the script" not in told
        assert answers(on) == [
            "Use the script on tax.pdf.\n\n"
            "(These are the instructions of the skill `pdf`. Its files lie in `/skills/pdf`.)"
        ]


async def test_the_catalogue_is_the_same_to_the_byte_for_a_whole_session() -> None:
    folder = Folder(PDF)
    async with stage("say: hi", folder) as on:
        await on.prompt("one")
        folder.skills = (PDF, NOTES)
        await on.prompt("two")
        await (await on.reopen()).prompt("three")
        systems = {request.system for request in on.provider.requests}
        assert len(systems) == 1
        assert "notes" not in systems.pop()
        assert len({str(request.tools) for request in on.provider.requests}) == 1


async def test_a_skill_that_came_later_can_be_read_all_the_same() -> None:
    folder = Folder(PDF)
    async with stage(f"when: two\n{use('notes')}\n---\nsay: ok", folder) as on:
        await on.prompt("one")
        folder.skills = (PDF, NOTES)
        await on.prompt("two")
        assert answers(on)[0].startswith("Write notes.")


@pytest.mark.parametrize("name", ["secret", "pirate", "nothing"])
async def test_what_models_may_not_call_is_answered_with_what_there_is(name: str) -> None:
    async with stage(f"{use(name)}\n---\nsay: ok", Folder(PDF, USERS, PERSONA)) as on:
        await on.prompt("go")
        assert answers(on) == [f"there is no skill `{name}`; use one of: pdf"]


async def test_a_skill_whose_text_a_compaction_dropped_is_named_as_readable_again() -> None:
    script = (
        f"when: Summarize this\nsay: summary\nwhen: use\n{use('pdf')}\n---\nsay: done\n"
        f"when: wrong\n{use('nothing')}\n---\nsay: none\nwhen: e\nsay: ok"
    )
    again = "can be read again with the `skill` tool: `pdf`"
    async with stage(script, Folder(PDF, NOTES)) as on:
        for prompt in ("use it", "wrong name", "well"):
            await on.prompt(prompt)
        assert (await compact_now(on.session.answer_context())) is not None
        await on.prompt("one")
        assert again in str(on.provider.requests[-1].messages)
        assert "nothing" not in str(on.provider.requests[-1].messages)
        assert (await compact_now(on.session.answer_context())) is not None
        await on.reopen()
        await on.prompt("use it again")
        first, *rest = on.provider.requests[-1].messages
        assert again in str(first)
        assert "Use the script" in str(rest)
        assert (await compact_now(on.session.answer_context())) is not None
        told = str(on.session.transcript.messages())
        assert (again in told) != ("Use the script" in told)


async def test_without_skills_there_is_no_tool_and_nothing_is_told() -> None:
    async with stage("say: hi", Folder(USERS)) as on:
        await on.prompt("go")
        assert on.provider.requests[0].tools == ()
        assert "Skills" not in on.provider.requests[0].system


async def test_a_persona_is_told_whole_and_is_no_skill_to_call() -> None:
    async with stage("say: hi", Folder(PERSONA)) as on:
        await on.prompt("go")
        (request,) = on.provider.requests
        assert request.system.endswith("You talk like a pirate.")
        assert request.tools == ()
        assert "/pirate" not in str(on.session.offering.commands)


async def test_what_a_client_says_stands_behind_a_persona() -> None:
    async with stage("say: hi", Folder(PERSONA)) as on:
        on.session.client_prompt = ClientPrompt("Be brief.")
        await on.prompt("go")
        assert on.provider.requests[0].system.endswith("pirate.\n\n# From the editor\n\nBe brief.")


async def test_a_skill_called_as_a_command_is_the_same_text() -> None:
    async with stage("say: hi", Folder(USERS)) as on:
        await on.prompt("/secret now")
        message = on.provider.requests[0].messages[0]
        texts = [part.text for part in message.content if isinstance(part, Text)]
        assert texts == [
            "Only when they say so.\n\nnow\n\n(These are the instructions of the skill `secret`.)"
        ]


CALLS = "call: look {}\ncall: change {}\ncall: todo {}"


@pytest.mark.parametrize(
    ("begin", "enforced", "ran"),
    [
        (use("notes"), True, ["look", "todo"]),
        (use("notes"), False, ["look", "change", "todo"]),
        (use("pdf"), True, ["look", "change", "todo"]),
        (f"{use('notes')}\n{use('pdf')}", True, ["look", "todo"]),
        ("call: look {}", True, ["look", "look", "change", "todo"]),
    ],
)
async def test_while_a_skill_is_in_use_only_what_it_needs_may_run(
    begin: str, ran: list[str], *, enforced: bool
) -> None:
    tools = [Tool("look", "read"), Tool("change", "write"), Tool("todo")]
    script = f"{begin}\n---\n{CALLS}\n---\nsay: done\nwhen: again\ncall: change {{}}\n---\nsay: done"
    async with stage(script, Folder(PDF, NOTES), *tools, enforce_skill_tools=enforced) as on:
        await on.prompt("go")
        assert [tool.spec.name for tool in tools for _ in tool.runs] == ran
        before = len(tools[1].runs)
        await on.prompt("again")
        assert len(tools[1].runs) == before + 1


async def test_several_skills_in_use_allow_what_any_of_them_needs() -> None:
    other = Skill("other", "Changes.", "Change.", allowed_tools=("change",))
    tools = [Tool("look", "read"), Tool("change", "write")]
    script = f"{use('notes')}\n{use('other')}\n---\ncall: look {{}}\ncall: change {{}}\n---\nsay: ok"
    async with stage(script, Folder(NOTES, other), *tools, enforce_skill_tools=True) as on:
        await on.prompt("go")
        assert [len(tool.runs) for tool in tools] == [1, 1]


async def test_a_skill_called_as_a_command_is_in_use_from_the_start() -> None:
    change = Tool("change", "write")
    async with stage("call: change {}\n---\nsay: ok", Folder(NOTES), change, enforce_skill_tools=True) as on:
        await on.prompt("/notes")
        assert change.runs == []


async def test_a_skill_allows_nothing_that_has_to_be_asked_about() -> None:
    change = Tool("change", "write")
    other = Skill("other", "Changes.", "Change.", allowed_tools=("change",))
    script = f"{use('other')}\n---\ncall: change {{}}\n---\nsay: ok"
    async with stage(script, Folder(other), change, enforce_skill_tools=True, mode="ask") as on:
        await on.prompt("go")
        assert len(on.host.asked) == 1


async def test_subagents_have_skills_too_and_are_held_to_them() -> None:
    change = Tool("change", "write")
    given = dump_text({"agent": "general", "description": "x", "prompt": "child"})
    script = (
        f"call: task {given}\n---\nsay: ok\nwhen: child\n{use('notes')}\n---\ncall: change {{}}\n---\nsay: ok"
    )
    async with stage(script, Folder(NOTES), change, task_tools=task_tools, enforce_skill_tools=True) as on:
        await on.prompt("go")
        assert "- notes: Writes release notes." in on.provider.requests[1].system
        assert change.runs == []


async def test_skills_there_is_no_room_for_are_searched_for() -> None:
    many = tuple(Skill(f"s{number:03}", f"Does thing {number}.", "Do.") for number in range(MAX_LISTED + 5))
    script = 'call: search_skills {"query": "thing 64"}\ncall: search_skills {"query": "zebra"}\n---\nsay: ok'
    async with stage(script, Folder(*many)) as on:
        await on.prompt("go")
        told = on.provider.requests[0].system
        assert told.count("\n- s0") == MAX_LISTED
        assert "There are 5 more; find them with the `search_skills` tool." in told
        assert answers(on)[0].startswith("- s064: Does thing 64.\n")
        assert answers(on)[1] == "(no skill fits; use other words)"


async def test_of_equal_names_the_first_counts_and_what_is_stored_folds_the_same() -> None:
    mine = Skill("pdf", "Mine.", "Do it my way.")
    hidden = msgspec.structs.replace(NOTES, for_model=False)
    async with stage(f"{use('pdf')}\n---\nsay: ok", Folder(mine, hidden, PDF, NOTES)) as on:
        await on.prompt("go")
        assert answers(on)[0].startswith("Do it my way.")
        assert on.provider.requests[0].system.endswith("\n\n- pdf: Mine.")
        assert history(await on.stored()) == history(on.host.told)


def test_087_the_skills_that_come_with_the_agent_can_all_be_listed_and_read() -> None:
    told = told_skills(BUILTIN_SKILLS, ("skill",))
    names = [skill.name for skill in BUILTIN_SKILLS]
    assert names == ["code-search", "code-review", "explain-code", "find-bugs"]
    assert [name for name in names if f"- {name}: " not in told] == []
    assert all(len(skill.instructions) < 2_000 for skill in BUILTIN_SKILLS)


def watched(log: Log, answer: HookAnswer = CONTINUE) -> Watch:
    return Watch((hook("skill_load", log.answering(answer)), hook("skill_unload", log.answering())))


@pytest.mark.parametrize("prompt", ["go", "/notes"])
async def test_hooks_are_told_of_a_skill_and_of_its_end(prompt: str) -> None:
    log = Log()
    script = f"when: Write notes\nsay: ok\nwhen: go\n{use('notes')}\n{use('nothing')}\n---\nsay: ok"
    async with stage(script, Folder(NOTES), watch=watched(log)) as on:
        await on.prompt(prompt)
        assert log.moments == ["skill_load", "skill_unload"]
        loaded = log.payload("skill_load")
        assert (loaded["skill_name"], loaded["tool_names"]) == ("notes", ["look", "change(safe)"])
        assert (loaded["description"], loaded["version"]) == ("Writes release notes.", "2")


async def test_a_hook_keeps_a_skill_from_the_model() -> None:
    log = Log()
    async with stage(f"{use('notes')}\n---\nsay: ok", Folder(NOTES), watch=watched(log, BLOCKED)) as on:
        await on.prompt("go")
        assert answers(on) == [
            "A hook blocked the skill `notes`. The reason given: not on a Friday. Go on without it."
        ]
        assert (await on.prompt("/notes")).stop_reason == "refusal"
        assert len(on.provider.requests) == 2
