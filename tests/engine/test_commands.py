"""Slash commands: who answers them, what the model hears of them, which there are, what each of them does."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.ids import SessionId, TurnId
from acp_agent.engine.agent_core import Defaults
from acp_agent.engine.commands.markdown import code
from acp_agent.engine.commands.offering import OFFER_AFTER
from acp_agent.engine.permission.rules import Rules, parse_rule
from acp_agent.engine.state import SessionState
from acp_agent.model import events
from acp_agent.model.chat import FromUser
from acp_agent.model.command import CommandGroup, CommandInfo, FoundCommands, TextCommand
from acp_agent.model.content import Content, Image, Resource, ResourceLink, Text
from acp_agent.model.mcp import PromptArgument, PromptInfo
from acp_agent.model.session import ModelInfo, SessionRecord
from acp_agent.model.surroundings import Surroundings
from acp_agent.providers.scripted import ScriptedProvider
from tests.engine.conftest import NOW, ROOT, VIRTUAL_CLOCK, Source, Stage, Tool, open_stage

BUILTINS = [
    *("help", "compact", "model", "mode", "mcp", "permissions", "cost", "clear", "rewind", "sessions"),
    "verify",
]
FACTS = PromptInfo(
    "all facts", "Facts about\na topic", (PromptArgument("topic", required=True), PromptArgument("tone"))
)


def text_command(
    name: str, text: str, *, group: CommandGroup = "user", about: str = "does it", note: str = ""
) -> TextCommand:
    return TextCommand(CommandInfo(name, about, "[what]"), group, text, f"/commands/{name}.md", note)


NO_RULES = Rules()


def defaults(*commands: TextCommand, problems: tuple[str, ...] = (), rules: Rules = NO_RULES) -> Defaults:
    async def look_around(_roots: tuple[Path, ...]) -> Surroundings:
        return Surroundings(commands=FoundCommands(commands, problems))

    return Defaults("scripted/script", rules=rules, look_around=look_around)


async def ask(stage: Stage, text: str) -> str:
    """What the agent itself answers to a command."""
    n_before = len(stage.host.of(events.CommandAnswered))
    assert (await stage.prompt(text)).stop_reason == "end_turn"
    return "\n".join(
        event.text
        for event in stage.host.of(events.CommandAnswered)[n_before:]
        if isinstance(event, events.CommandAnswered)
    )


async def submit(stage: Stage, *content: Content) -> None:
    turn_id = stage.session.submit(content)
    await stage.host.wait_for(lambda: any(end.turn_id == turn_id for end in stage.host.ends))


async def finish(stage: Stage, text: str) -> None:
    """Wait for the end of a prompt, however long that takes."""
    ended = anyio.Event()
    stage.host.on_event = lambda event: ended.set() if isinstance(event, events.TurnEnded) else None
    stage.say(text)
    await ended.wait()


def last_words(stage: Stage) -> list[Content]:
    """What the model was told as the user's last message."""
    messages = stage.provider.requests[-1].messages
    return list(next(one for one in reversed(messages) if isinstance(one, FromUser)).content)


def offered(stage: Stage) -> list[list[str]]:
    return [
        [command.name for command in event.commands]
        for event in stage.host.told
        if isinstance(event, events.CommandsOffered)
    ]


# Who answers


async def test_a_built_in_command_is_answered_by_the_agent_and_the_model_never_hears_of_it() -> None:
    async with open_stage("say: ok") as stage:
        assert "/help" in await ask(stage, "/help")
        turn = [event for event in stage.host.told if not isinstance(event, events.CommandsOffered)]
        assert [type(event) for event in turn] == [
            events.TurnStarted,
            events.CommandGiven,
            events.CommandAnswered,
            events.TurnEnded,
        ]
        assert len(stage.provider.requests) == 0
        await stage.prompt("hello")
        assert last_words(stage) == [Text("hello")]
        assert len(stage.provider.requests[-1].messages) == 1


async def test_a_command_gives_no_title_and_the_next_prompt_does() -> None:
    async with open_stage("say: ok") as stage:
        await ask(stage, "/cost")
        assert stage.session.state.title is None
        await stage.prompt("hello")
        assert stage.session.state.title == "hello"


async def test_a_session_of_commands_alone_is_stored_and_listed_once() -> None:
    async with open_stage("say: ok") as stage:
        await ask(stage, "/mode plan")
        assert stage.session.is_busy is False
        page = await stage.core.list(cwd=None, cursor=None)
        assert [(record.id, record.mode) for record in page.sessions] == [(stage.session.id, "plan")]
        await stage.reopen()
        assert stage.session.state.mode == "plan"


@pytest.mark.parametrize(
    "text",
    ["/usr/bin/env does not start", "/helpme", "/help/me", "/", "/ help", "see /help", " /help", "/Help", ""],
)
async def test_words_that_only_look_like_a_command_go_to_the_model(text: str) -> None:
    async with open_stage("say: ok") as stage:
        assert await ask(stage, text) == ""
        assert len(stage.provider.requests) == 1
        assert isinstance(stage.host.told[-1], events.TurnEnded)


async def test_the_first_text_of_a_prompt_is_the_command_whatever_is_attached() -> None:
    link = ResourceLink("file:///x", "x")
    async with open_stage("say: ok") as stage:
        await submit(stage, link, Text("/mode plan"), Text("/mode auto"))
        assert stage.session.state.mode == "plan"
        await submit(stage, Text("hello"), Text("/mode auto"))
        assert stage.session.state.mode == "plan"


async def test_a_command_waits_for_its_turn_and_can_be_cancelled() -> None:
    async with open_stage("say: a\nwait") as stage:
        stage.say("wait")
        stage.say("/help")
        await stage.host.wait_for(lambda: stage.host.text == "a")
        stage.session.cancel()
        await stage.host.wait_ends(2)
        assert [end.stop_reason for end in stage.host.ends] == ["cancelled", "cancelled"]
        assert stage.host.of(events.CommandAnswered) == []
        assert "/help" in await ask(stage, "/help")


async def test_everything_of_commands_is_found_again_in_a_replay() -> None:
    async with open_stage("say: ok", defaults=defaults(text_command("go", "Go on with $1"))) as stage:
        for text in ("/mode plan", "/go 1", "/permissions deny Bash", "/help"):
            await stage.prompt(text)
        told = [event for event in stage.host.told if not isinstance(event, events.CommandsOffered)]
        assert [event for event in await stage.stored() if not isinstance(event, events.TextChunk)] == [
            event for event in told if not isinstance(event, events.TextChunk)
        ]


# Commands that stand for a text


async def test_a_text_command_shows_what_was_typed_and_tells_the_model_what_it_stands_for() -> None:
    command = text_command("fix", "Fix issue $1 in $2.\n\nAll: $ARGUMENTS, cost $10, $$2, $3.", note="(note)")
    async with open_stage("say: ok", defaults=defaults(command)) as stage:
        await stage.prompt('/fix 12 "the core"')
        (said,) = (event for event in stage.host.told if isinstance(event, events.UserSaid))
        assert said.content == (Text('/fix 12 "the core"'),)
        assert last_words(stage) == [
            Text('Fix issue 12 in the core.\n\nAll: 12 "the core", cost $10, $the core, .\n\n(note)')
        ]
        assert stage.session.state.title == '/fix 12 "the core"'


async def test_what_is_typed_is_not_filled_in_again_and_never_lost() -> None:
    async with open_stage(
        "say: ok", defaults=defaults(text_command("one", "Do $1."), text_command("none", "Do it."))
    ) as stage:
        await stage.prompt("/one $ARGUMENTS")
        assert last_words(stage) == [Text("Do $ARGUMENTS.")]
        await stage.prompt("/none but not 'this")
        assert last_words(stage) == [Text("Do it.\n\nbut not 'this")]
        await stage.prompt("/none")
        assert last_words(stage) == [Text("Do it.")]


async def test_what_is_attached_to_a_text_command_reaches_the_model_behind_it() -> None:
    async with open_stage("say: ok", defaults=defaults(text_command("go", "Go."))) as stage:
        await submit(stage, Text("/go"), Resource("file:///a", text="content"), Text("and on"))
        assert last_words(stage) == [
            Text("Go."),
            Text('<file uri="file:///a">\ncontent\n</file>'),
            Text("and on"),
        ]


async def test_a_reopened_session_tells_the_model_the_same() -> None:
    async with open_stage("say: ok", defaults=defaults(text_command("go", "Go $1."))) as stage:
        await stage.prompt("/go on")
        await stage.reopen()
        await stage.prompt("hello")
        assert stage.provider.requests[-1].messages[0] == FromUser((Text("Go on."),))


# Prompts of MCP servers


async def test_a_prompt_of_a_server_reaches_the_model_with_its_arguments() -> None:
    async with open_stage("say: ok", sources=[Source("my docs", prompts=[FACTS])]) as stage:
        for typed in (
            "cats 'quite dry'",
            "tone='quite dry' cats",
            "topic=cats quite dry",
            "cats tone='quite dry'",
        ):
            await stage.prompt(f"/mcp:my-docs:all-facts {typed}")
            assert last_words(stage) == [
                Text(f"all facts {_sorted({'topic': 'cats', 'tone': 'quite dry'}, typed)}")
            ]
        assert stage.host.of(events.CommandAnswered) == []


def _sorted(arguments: dict[str, str], typed: str) -> dict[str, str]:
    """In the order in which they are given to the server: named ones first."""
    return dict(sorted(arguments.items(), key=lambda item: not f" {typed}".count(f" {item[0]}=")))


async def test_a_prompt_that_lacks_an_argument_says_which_and_the_model_is_not_asked() -> None:
    async with open_stage("say: ok", sources=[Source("docs", prompts=[FACTS])]) as stage:
        answer = await ask(stage, "/mcp:docs:all-facts tone=dry")
        assert "missing: `topic`" in answer
        assert "`<topic> [tone]`" in answer
        assert len(stage.provider.requests) == 0
        await stage.prompt("hello")
        assert stage.provider.requests[-1].messages[0] == FromUser((Text(f"[not carried out: {answer}]"),))


async def test_arguments_for_a_prompt_without_any_are_refused() -> None:
    async with open_stage("say: ok", sources=[Source("docs", prompts=[PromptInfo("plain")])]) as stage:
        assert "too many arguments" in await ask(stage, "/mcp:docs:plain x")
        assert await ask(stage, "/mcp:docs:plain") == ""
        assert last_words(stage) == [Text("plain {}")]


async def test_a_server_that_failed_or_has_no_such_prompt_says_so() -> None:
    sources = [Source("gone", failure="it left"), Source("docs", prompts=[FACTS])]
    async with open_stage("say: ok", sources=sources) as stage:
        assert "it left" in await ask(stage, "/mcp:gone:x")
        assert "it offers: `mcp:docs:all-facts`" in await ask(stage, "/mcp:docs:other")
        assert await ask(stage, "/mcp:nobody:other") == ""
        assert await ask(stage, "/mcp:docs:") == ""


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_server_that_never_connects_is_not_waited_for_for_ever() -> None:
    async with open_stage("say: ok", sources=[Source("slow", settles=False)]) as stage:
        await finish(stage, "/mcp:slow:x")
        (answer,) = stage.host.of(events.CommandAnswered)
        assert isinstance(answer, events.CommandAnswered)
        assert "did not connect" in answer.text


class RichSource(Source):
    """Its prompt has everything that content can be."""

    async def expand(self, name: str, arguments: object) -> tuple[Content, ...]:
        return (
            Text("look"),
            Resource("docs:///a", text="content"),
            ResourceLink("file:///etc/passwd", "secrets"),
            Image("AA==", "image/png", "docs:///b"),
        )


async def test_what_a_prompt_brings_is_made_fit_for_the_model_and_its_links_are_not_opened() -> None:
    async with open_stage("say: ok", sources=[RichSource("docs", prompts=[PromptInfo("rich")])]) as stage:
        await stage.prompt("/mcp:docs:rich")
        text = "\n".join(part.text for part in last_words(stage) if isinstance(part, Text))
        assert "content" in text
        assert "secrets <file:///etc/passwd>" in text
        assert not any(isinstance(part, Image) for part in last_words(stage))  # it was no picture
        assert "docs:///b" in text


# What the client is told


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_a_client_is_told_the_commands_a_moment_after_it_came_and_once() -> None:
    async with open_stage("say: ok", defaults=defaults(text_command("go", "Go."))) as stage:
        stage.session.offering.welcome()
        await anyio.sleep(OFFER_AFTER * 0.9)
        assert offered(stage) == []
        await anyio.sleep(OFFER_AFTER)
        assert offered(stage) == [[*BUILTINS, "go"]]
        await stage.prompt("hello")
        await stage.prompt("/help")
        await anyio.sleep(10)
        assert len(offered(stage)) == 1
        stage.session.offering.welcome()
        await anyio.sleep(2 * OFFER_AFTER)
        assert len(offered(stage)) == 2
        assert not any(isinstance(event, events.CommandsOffered) for event in await stage.stored())


async def test_a_client_that_prompts_at_once_is_told_before_the_turn() -> None:
    async with open_stage("say: ok") as stage:
        stage.session.offering.welcome()
        await stage.prompt("hello")
        assert [type(event) for event in stage.host.told[:2]] == [events.CommandsOffered, events.TurnStarted]


async def test_nobody_is_told_who_did_not_come() -> None:
    async with open_stage("say: ok") as stage:
        await stage.prompt("hello")
        assert offered(stage) == []


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_changes_are_told_when_servers_connect_and_at_the_next_prompt() -> None:
    source = LateSource("docs", prompts=[FACTS])
    async with open_stage("say: ok", sources=[source]) as stage:
        stage.session.offering.welcome()
        await anyio.sleep(1)
        assert offered(stage) == [BUILTINS]
        source.connect()
        await anyio.sleep(1)
        assert offered(stage)[1:] == [[*BUILTINS, "mcp:docs:all-facts"]]
        source.gone = True
        await stage.prompt("hello")
        await anyio.sleep(1)
        assert offered(stage)[2:] == [BUILTINS]
        (told,) = stage.host.of(events.CommandsOffered)[1:2]
        assert isinstance(told, events.CommandsOffered)
        assert told.commands[-1] == CommandInfo(
            "mcp:docs:all-facts", "Facts about\na topic", "<topic> [tone]"
        )


class LateSource(Source):
    """Connects when told to."""

    def __init__(self, name: str, prompts: list[PromptInfo]) -> None:
        super().__init__(name)
        self.gone = True
        self._late_prompts = prompts
        self._connected = anyio.Event()

    def connect(self) -> None:
        self.gone = False
        self._connected.set()

    async def wait_settled(self) -> None:
        await self._connected.wait()

    def prompts(self) -> list[PromptInfo]:
        return [] if self.gone else self._late_prompts


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
@pytest.mark.parametrize("text", ["hello", "/usr/bin/hello"])
async def test_a_search_for_files_that_hangs_keeps_no_prompt_waiting(text: str) -> None:
    async def look_around(_roots: tuple[Path, ...]) -> Surroundings:
        await anyio.sleep_forever()
        raise AssertionError

    async with open_stage("say: ok", look_around=look_around) as stage:
        await finish(stage, text)
        assert stage.host.text == "ok"


async def test_another_client_brings_its_own_search() -> None:
    async with open_stage("say: ok", defaults=defaults(text_command("old", "Old."))) as stage:
        opening = stage.opening.__class__(
            stage.host, stage.opening.workspace, defaults(text_command("new", "New."))
        )
        assert await stage.core.open(stage.session.id, opening) is stage.session
        await stage.prompt("/new")
        assert last_words(stage) == [Text("New.")]
        await stage.prompt("/old")
        assert last_words(stage) == [Text("/old")]


# /help


async def test_help_lists_all_commands_by_group_and_what_is_hidden_or_broken() -> None:
    found = defaults(
        text_command("skill", "S", group="skill", about="does\nsomething"),
        text_command("help", "H"),
        text_command("mine", "M"),
        text_command("mine", "P", group="project"),
        problems=("`/x/bad.md`: line 1: no",),
    )
    async with open_stage("say: ok", defaults=found, sources=[Source("docs", prompts=[FACTS])]) as stage:
        answer = await ask(stage, "/help")
    assert [line for line in answer.splitlines() if line.startswith("**")] == [
        "**Commands of acp-agent**",
        "**Your commands**",
        "**Skills**",
        "**Prompts of MCP servers**",
        "**Not reachable, because another command has the name**",
        "**Files that cannot be used**",
    ]
    for line in (
        "- `/mine [what]`: does it",
        "- `/skill [what]`: does something",
        "- `/mcp:docs:all-facts <topic> [tone]`: Facts about a topic",
        "- `/help` of `/commands/help.md`",
        "- `/mine` of `/commands/mine.md`",
        "- `/x/bad.md`: line 1: no",
    ):
        assert line in answer.splitlines()
    for name in BUILTINS:
        assert f"- `/{name}" in answer


# /model and /mode

MODELS = tuple(ModelInfo(f"work/{name}", name.title()) for name in ("small-one", "small-two", "large"))


@pytest.mark.parametrize(
    ("typed", "model", "answer"),
    [
        ("", "scripted/script", "`scripted/script` (current)"),
        ("work/large", "work/large", "`work/large`"),
        ("LARGE", "work/large", "`work/large`"),
        ("-two", "work/small-two", "`work/small-two`"),
        ("small", "scripted/script", "Several models"),
        ("lagre", "scripted/script", "Nearest: `work/large`"),
        ("?", "scripted/script", "There is no model"),
    ],
)
async def test_model_lists_and_chooses(typed: str, model: str, answer: str) -> None:
    async with open_stage("say: ok", providers=[ScriptedProvider("say: from work", "work", MODELS)]) as stage:
        assert answer in await ask(stage, f"/model {typed}")
        assert stage.session.state.model == model


@pytest.mark.parametrize(
    ("typed", "mode", "answer"),
    [
        ("", "ask", "`ask` (current)"),
        ("plan", "plan", "Reads only"),
        ("edits", "accept-edits", "`accept-edits`"),
        ("paln", "ask", "Nearest: `plan`"),
    ],
)
async def test_mode_lists_and_chooses(typed: str, mode: str, answer: str) -> None:
    async with open_stage("say: ok") as stage:
        assert answer in await ask(stage, f"/mode {typed}")
        assert stage.session.state.mode == mode
        assert len(stage.host.of(events.ModeChanged)) == (mode != "ask")


# /mcp


@pytest.mark.parametrize("anyio_backend", [VIRTUAL_CLOCK])
async def test_mcp_says_how_each_server_is() -> None:
    sources = [
        Source("fine", tools=[Tool("a"), Tool("b")], prompts=[FACTS]),
        Source("gone", failure="it left"),
        Source("slow", settles=False),
    ]
    async with open_stage("say: ok", sources=sources) as stage:
        await finish(stage, "/mcp")
        (answer,) = stage.host.of(events.CommandAnswered)
        assert isinstance(answer, events.CommandAnswered)
        assert answer.text.splitlines()[2:] == [
            "- `fine`: connected, 2 tools, 1 prompt",
            "- `gone`: not available: it left",
            "- `slow`: still connecting",
        ]


async def test_mcp_says_that_there_are_none() -> None:
    async with open_stage("say: ok") as stage:
        assert "no MCP servers" in await ask(stage, "/mcp")


# /permissions


async def test_permissions_lists_rules_by_scope_and_remembered_answers() -> None:
    rules = Rules(
        allow=(parse_rule("Bash(npm test)"),),
        deny=(parse_rule("Bash(rm:*)", "project"),),
    )
    tool = Tool("poke", "execute")
    async with open_stage("call: poke {}\n---\nsay: ok", tool, defaults=defaults(rules=rules)) as stage:
        stage.host.decision = "allow_always"
        await stage.prompt("go")
        await ask(stage, "/permissions ask Poke(x)")
        answer = await ask(stage, "/permissions")
    assert answer.splitlines() == [
        "**Mode** `ask`: Asks before it changes files or runs commands that do more than read.",
        "",
        "**Your rules**",
        "",
        "- allow `Bash(npm test)`",
        "",
        "**Rules of this project**",
        "",
        "- deny `Bash(rm:*)`",
        "",
        "**Of this session**",
        "",
        "1. always allow `poke []`",
        "2. ask `Poke(x)`",
        "",
        "`/permissions revoke N` takes one back, `/permissions revoke all` all of them.",
    ]


async def test_a_revoked_answer_is_asked_for_again_also_after_a_reopening() -> None:
    async with open_stage(
        "call: poke {}\n---\nsay: ok\n---\ncall: poke {}\n---\nsay: ok", Tool("poke", "execute")
    ) as stage:
        stage.host.decision = "allow_always"
        await stage.prompt("go")
        assert "always allow `poke []`" in await ask(stage, "/permissions revoke 1")
        assert "Nothing was allowed" in await ask(stage, "/permissions")
        await stage.reopen()
        await stage.prompt("go")
        assert len(stage.host.asked) == 2


async def test_what_was_rejected_can_be_revoked_too() -> None:
    tool = Tool("poke", "execute")
    async with open_stage("call: poke {}\n---\nsay: ok\n---\ncall: poke {}\n---\nsay: ok", tool) as stage:
        stage.host.decision = "reject_always"
        await stage.prompt("go")
        stage.host.decision = "allow_once"
        assert "always reject `poke []`" in await ask(stage, "/permissions revoke all")
        await stage.prompt("go")
        assert len(tool.runs) == 1


@pytest.mark.parametrize(
    ("rulings", "n_asked", "n_runs"),
    [
        (["allow"], 0, 1),
        (["allow", "ask"], 1, 1),
        (["deny"], 0, 0),
        (["deny", "allow"], 0, 1),
        (["deny", None], 1, 1),
    ],
)
async def test_a_rule_of_the_session_counts_from_the_next_call_on(
    rulings: list[str | None], n_asked: int, n_runs: int
) -> None:
    tool = Tool("poke", "execute")
    async with open_stage('call: poke {"x": "y"}\n---\nsay: ok', tool) as stage:
        for ruling in rulings:
            await ask(stage, f"/permissions {ruling} Poke(*)" if ruling else "/permissions revoke 1")
        await stage.reopen()
        await stage.prompt("go")
        assert (len(stage.host.asked), len(tool.runs)) == (n_asked, n_runs)


async def test_no_rule_of_a_session_lifts_a_denial() -> None:
    tool = Tool("poke", "execute")
    rules = Rules(deny=(parse_rule("Poke(*)"),))
    async with open_stage(
        'call: poke {"x": "y"}\n---\nsay: ok', tool, defaults=defaults(rules=rules)
    ) as stage:
        assert "stays so" in await ask(stage, "/permissions allow Poke")
        await stage.prompt("go")
        assert tool.runs == []


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("revoke", "takes `revoke`"),
        ("revoke 1", "nothing to revoke"),
        ("revoke all", "nothing to revoke"),
        ("allow", "takes `revoke`"),
        ("forbid Bash", "takes `revoke`"),
        ("deny Bash(", "is no rule"),
        ("deny Read(~/x)", "write the whole path"),
        ("deny Pork", "no such tool"),
    ],
)
async def test_permissions_says_what_it_does_not_understand(typed: str, answer: str) -> None:
    async with open_stage("say: ok", Tool("poke")) as stage:
        assert answer in await ask(stage, f"/permissions {typed}")
        assert len(stage.session.state.rules) == (typed == "deny Pork")


async def test_a_number_that_is_not_listed_revokes_nothing() -> None:
    async with open_stage("say: ok", Tool("poke")) as stage:
        await ask(stage, "/permissions deny Poke")
        for typed in ("0", "2", "-1", "x", "1 2"):
            assert "none of the numbers 1 to 1" in await ask(stage, f"/permissions revoke {typed}")
        assert list(stage.session.state.rules) == ["Poke"]


# /cost and /sessions


PRICED = ModelInfo("priced/model", "M", 1000, input_price=1e6, output_price=1e6)


async def test_cost_tells_tokens_and_dollars_of_the_session_and_its_last_prompt() -> None:
    script = "say: a\nusage: 100 20\nwhen: two\nsay: b\nusage: 300 30"
    provider = ScriptedProvider(script, "priced", (PRICED,))
    async with open_stage("", providers=[provider], defaults=Defaults("priced/model")) as stage:
        assert "0 tokens in, 0 out" in await ask(stage, "/cost")
        await stage.prompt("one")
        await stage.prompt("two")
        for _ in range(2):
            assert (await ask(stage, "/cost")).splitlines()[2:] == [
                "- Last prompt: 300 tokens in, 30 out, $330.0000",
                "- Session: 400 tokens in, 50 out, $450.0000",
                "- Context: 330 of 1,000 tokens (33 %)",
            ]
        before = await ask(stage, "/cost")
        await stage.reopen()
        assert await ask(stage, "/cost") == before


async def test_cost_says_that_prices_are_not_known() -> None:
    async with open_stage("say: a\nusage: 100 20") as stage:
        await stage.prompt("one")
        answer = await ask(stage, "/cost")
        assert "$" not in answer
        assert "prices of `scripted/script` are not known" in answer


async def test_sessions_lists_those_of_the_same_directory_with_titles() -> None:
    async with open_stage("say: a") as stage:
        for number, cwd in enumerate((str(ROOT), "/elsewhere")):
            record = SessionRecord(SessionId(f"old_{number}"), cwd, NOW, NOW, title=f"number\n{number}")
            await stage.store.create(record)
            await stage.store.append(record.id, [events.TurnStarted(TurnId("t"), NOW)])
        answer = await ask(stage, "/sessions")
    assert "`old_0` number 0" in answer
    assert "(this one)" in answer
    assert "old_1" not in answer


# /clear, /rewind and /compact


async def test_clear_lets_the_model_forget_and_the_journal_keep() -> None:
    async with open_stage("say: ok") as stage:
        await stage.prompt("remember this")
        assert "Files stay" in await ask(stage, "/clear")
        await stage.prompt("hello")
        assert stage.provider.requests[-1].messages == (FromUser((Text("hello"),)),)
        assert any(
            isinstance(event, events.UserSaid) and event.content == (Text("remember this"),)
            for event in await stage.stored()
        )


async def test_rewind_lists_messages_and_goes_back_before_one() -> None:
    async with open_stage("say: ok") as stage:
        assert "no message" in await ask(stage, "/rewind")
        for text in ("first", "second", "third"):
            await stage.prompt(text)
        listed = [line for line in (await ask(stage, "/rewind")).splitlines() if line[:1].isdigit()]
        assert [line.partition(" (")[0] for line in listed] == ["1. `third`", "2. `second`", "3. `first`"]
        assert "none of the numbers 1 to 3" in await ask(stage, "/rewind 4")
        assert "`second`" in await ask(stage, "/rewind 2")
        await stage.prompt("fourth")
        said = [one.content for one in stage.provider.requests[-1].messages if isinstance(one, FromUser)]
        assert said == [(Text("first"),), (Text("fourth"),)]


async def test_compact_summarizes_and_says_what_that_won() -> None:
    async with open_stage("say: ok") as stage:
        assert "nothing to summarize" in await ask(stage, "/compact")
        for number in range(6):
            await stage.prompt(f"number {number} " + "word " * 200)
        assert "was summarized: about" in await ask(stage, "/compact the numbers")
        (ended,) = stage.host.of(events.CompactionEnded)
        assert isinstance(ended, events.CompactionEnded)
        assert ended.status == "completed"
        (started,) = stage.host.of(events.CompactionStarted)
        assert isinstance(started, events.CompactionStarted)
        assert (started.trigger, started.focus) == ("manual", "the numbers")


# Values


@given(st.text())
def test_no_text_breaks_out_of_inline_code(text: str) -> None:
    shown = code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    assert shown.endswith(fence)
    assert fence not in shown[len(fence) : -len(fence)]
    assert "\n" not in shown


def test_a_rule_taken_back_is_gone() -> None:
    state = SessionState("ask", "m")
    for ruling in ("allow", "deny", None):
        state.apply(events.RuleSet("Bash", ruling))
        assert state.rules == ({} if ruling is None else {"Bash": ruling})
