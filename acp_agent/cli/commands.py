"""Every command and option, as data: the parser, the help and the shell completions are made from it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.cli.editors import EDITORS, NEOVIM_PLUGINS
from acp_agent.conformance.requirement import LEVELS
from acp_agent.sdk.settings.file import LOG_LEVELS, MODE_IDS

Completes: TypeAlias = Literal["text", "file", "folder"]


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """`--name VALUE`, or a switch where `value` is empty; with `repeats` it may be given several times."""

    name: str
    help: str
    value: str = ""
    short: str = ""
    choices: tuple[str, ...] = ()
    completes: Completes = "text"
    repeats: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """As typed: the short form first, if there is one."""
        return (f"-{self.short}", f"--{self.name}") if self.short else (f"--{self.name}",)


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """A word that is no option; with `rest`, all words behind `--`. `required`: it cannot be left out."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    completes: Completes = "text"
    required: bool = True
    rest: bool = False


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command; `examples` are command line and what it does."""

    name: str
    help: str
    description: str = ""
    options: tuple[Option, ...] = ()
    argument: Argument | None = None
    second_argument: Argument | None = None
    examples: tuple[tuple[str, str], ...] = ()


_MODEL = Option(
    name="model", short="m", value="MODEL", help="model to use, as provider/model; see `acp-agent models`"
)
_MODE = Option(name="mode", value="MODE", choices=MODE_IDS, help="how permissions are handled")
_CONFIG = Option(
    name="config", value="FILE", completes="file", help="settings file to use instead of the user's"
)
_STORE = Option(name="store", value="STORE", help="sqlite:///file, file:/folder, postgresql://…, memory:")
_JSON = Option(name="json", help="print JSON")

COMMANDS: tuple[Command, ...] = (
    Command(
        name="serve",
        help="serve an editor over stdin and stdout (the default)",
        description="Speak the Agent Client Protocol on stdin and stdout. Editors start this.",
        argument=Argument(
            name="then",
            choices=("login",),
            required=False,
            help="editors append `login` to enter an API key instead of serving",
        ),
        options=(
            _MODEL,
            _MODE,
            _STORE,
            Option(
                name="script",
                value="FILE",
                completes="file",
                help="play this script instead of asking a model",
            ),
            _CONFIG,
            Option(name="log-level", value="LEVEL", choices=LOG_LEVELS, help="how much is logged to stderr"),
        ),
        examples=(
            ("acp-agent", "serve with the configured model"),
            ("acp-agent serve --model ollama/qwen3-coder", "serve with a local model"),
        ),
    ),
    Command(
        name="prompt",
        help="run one prompt in the terminal",
        description="Run one prompt in a folder and print the answer. Without TEXT it is read from stdin.",
        argument=Argument(name="text", required=False, help="what to do; `-` or nothing reads it from stdin"),
        options=(
            _MODEL,
            _MODE,
            Option(
                name="cwd", value="DIR", completes="folder", help="folder to work in (default: this folder)"
            ),
            Option(name="auto-approve", help="allow every permission request instead of denying it"),
            Option(
                name="output-format",
                value="FORMAT",
                choices=("text", "json"),
                help="text, or one JSON object per event",
            ),
            Option(name="agent", value="CMD", help="drive this ACP agent instead of this program's own"),
        ),
        examples=(
            ('acp-agent prompt "explain this project"', "ask in this folder"),
            ('acp-agent prompt --mode accept-edits "fix the failing test"', "let it edit files"),
            ("git diff | acp-agent prompt -", "read the prompt from stdin"),
            ('acp-agent prompt --agent "gemini --acp" "hello"', "drive another agent"),
        ),
    ),
    Command(
        name="chat",
        help="talk to an agent in the terminal",
        description=(
            "Talk to this agent, or to any other ACP agent named behind `--`. Ctrl-C cancels a turn, a "
            "second one leaves; Ctrl-D leaves. The tab key completes slash commands; `/mode` and `/option` "
            "show and choose, a backslash at its end goes on with a line. Without a terminal, each line of "
            "stdin is a prompt."
        ),
        argument=Argument(
            name="agent", required=False, rest=True, help="command of another agent, behind `--`"
        ),
        options=(
            _MODEL,
            _MODE,
            Option(
                name="cwd", value="DIR", completes="folder", help="folder to work in (default: this folder)"
            ),
            Option(name="continue", help="go on with the latest session of the folder"),
            Option(name="resume", help="choose a session to go on with"),
            Option(name="list", help="list the folder's sessions"),
            Option(name="plain", help="text without Markdown and movement"),
        ),
        examples=(
            ("acp-agent chat", "talk to this agent about this folder"),
            ("acp-agent chat --continue", "go on where you left"),
            ("acp-agent chat -- gemini --acp", "talk to another agent"),
        ),
    ),
    Command(
        name="proxy",
        help="stand between an editor and an agent",
        description=(
            "Serve an editor by forwarding everything to the agent named behind `--`. What stands between "
            "them may record the conversation, add to prompts, or be your own code."
        ),
        argument=Argument(name="agent", rest=True, help="command of the agent, behind `--`"),
        options=(
            Option(name="record", value="FILE", completes="file", help="write every frame to this file"),
            Option(
                name="context",
                value="FILE",
                completes="file",
                help="add this file to a session's first prompt",
            ),
            Option(
                name="use",
                value="MODULE:NAME",
                repeats=True,
                help="a `Proxy` of your own; several stand in this order, the first next to the editor",
            ),
        ),
        examples=(
            ("acp-agent proxy --record talk.jsonl -- acp-agent", "record a conversation"),
            ("acp-agent proxy --context NOTES.md -- gemini --acp", "tell an agent what it should know"),
            ("acp-agent proxy --use brief:proxy -- gemini --acp", "put the `proxy` of `brief.py` between"),
        ),
    ),
    Command(
        name="replay",
        help="play a recorded conversation",
        description=(
            "Play one side of a recording made by `acp-agent proxy --record`: the agent's towards an editor, "
            "or the client's towards the agent named behind `--`. Exits with 1 if it went differently."
        ),
        argument=Argument(
            name="words", rest=True, help="the recording; behind `--` the agent to play the client for"
        ),
        examples=(
            ("acp-agent replay talk.jsonl", "be the agent"),
            ("acp-agent replay talk.jsonl -- acp-agent", "be the client of an agent"),
        ),
    ),
    Command(
        name="conformance",
        help="try any agent against the protocol",
        description=(
            "Try the agent named behind `--` against the requirements of the protocol, with a scripted model "
            "and no key, each in a new process with a folder and a home of its own. Exits with 1 if a MUST "
            "or SHOULD is not kept."
        ),
        argument=Argument(
            name="command_line", required=False, rest=True, help="command of the agent, behind `--`"
        ),
        options=(
            Option(name="client", help="try a client; it starts the agent it gets in place of `{agent}`"),
            Option(name="profile", value="NAME", help="how the agent is started: a profile's name or file"),
            Option(name="only", value="NAMES", help="ids, areas or aliases, separated by commas"),
            Option(name="level", value="LEVEL", choices=LEVELS, help="this level and stricter ones"),
            Option(name="list", help="list the requirements"),
            Option(name="json", value="FILE", completes="file", help="write a report for programs"),
            Option(name="junit", value="FILE", completes="file", help="write a report for build servers"),
            Option(name="markdown", value="FILE", completes="file", help="write a report as Markdown"),
            Option(name="html", value="FILE", completes="file", help="write a report as one page"),
            Option(
                name="badge",
                value="FILE",
                completes="file",
                help="write a badge: .svg, or .json for a service",
            ),
            Option(name="label", value="TEXT", help="what reports call the agent (default: its own name)"),
            Option(
                name="compare",
                value="FILE",
                completes="file",
                help="say what is different from this JSON report, in a second one or in this run",
            ),
            Option(
                name="matrix",
                value="FILE",
                completes="file",
                help="write a page that compares the agents of these JSON reports",
            ),
            Option(
                name="preflight",
                value="PLACE",
                completes="file",
                help="try a registry entry, and its agent, against the registry's rules",
            ),
            Option(name="jobs", value="N", help="agents at a time (default: two per processor)"),
            Option(name="patience", value="SECONDS", help="for each single answer (default: 20)"),
            Option(name="time", value="SECONDS", help="for the whole run (default: 900)"),
        ),
        examples=(
            ("acp-agent conformance -- my-agent --acp", "try an agent"),
            ("acp-agent conformance --only cancel,permission -- my-agent", "two areas"),
            ("acp-agent conformance --html report.html -- my-agent", "a page to publish"),
            ("acp-agent conformance --compare old.json new.json", "what has changed"),
            ("acp-agent conformance --client -- my-client --agent {agent}", "try a client"),
            ("acp-agent conformance --matrix agents.md one.json two.json", "agents side by side"),
            ("acp-agent conformance --preflight my-agent/ -- my-agent --acp", "before it is registered"),
        ),
    ),
    Command(
        name="demo",
        help="see a session without any key or network",
        examples=(("acp-agent demo", "watch the scripted model work in a temporary folder"),),
    ),
    Command(
        name="doctor",
        help="check the installation and say what to do",
        description="Check settings, keys, folders, tools and editors. Nothing is sent over the network.",
        options=(
            Option(
                name="cwd", value="DIR", completes="folder", help="project to check (default: this folder)"
            ),
            _CONFIG,
            _JSON,
        ),
        examples=(("acp-agent doctor", "check everything"), ("acp-agent doctor --json", "for programs")),
    ),
    Command(
        name="editor-config",
        help="print what to paste into an editor's settings",
        argument=Argument(name="editor", choices=tuple(EDITORS), help="which editor or client"),
        options=(
            Option(
                name="plugin",
                value="NAME",
                choices=NEOVIM_PLUGINS,
                help="for Neovim: which plugin is the client",
            ),
        ),
        examples=(("acp-agent editor-config zed", "for Zed's settings.json"),),
    ),
    Command(
        name="login",
        help="enter an API key",
        description="Ask for a provider's API key and keep it in a file only you can read.",
        argument=Argument(
            name="provider", required=False, help="whose key: anthropic, openai, openrouter or one of yours"
        ),
        examples=(
            ("acp-agent login anthropic", "paste a key, it is not shown"),
            ("pass show openai | acp-agent login openai", "take the key from a password manager"),
        ),
    ),
    Command(
        name="models",
        help="list the models that can be chosen",
        options=(_CONFIG, _JSON),
        examples=(("acp-agent models", "list them; `*` marks the chosen one"),),
    ),
    Command(
        name="sessions",
        help="look at stored sessions, move, search and delete them",
        description=(
            "Work on stored sessions without starting an agent. ACTION is one of: list; show ID; export ID; "
            "import FILE; delete ID; gc, which drops what no session needs any more; migrate, which copies "
            "all sessions of one store into another; search WORDS, in titles, prompts and answers."
        ),
        argument=Argument(
            name="action",
            choices=("list", "show", "export", "import", "delete", "gc", "migrate", "search"),
            help="what to do",
        ),
        second_argument=Argument(
            name="what", required=False, completes="file", help="a session's id, an exported file, or words"
        ),
        options=(
            _STORE,
            _CONFIG,
            _JSON,
            Option(
                name="cwd", value="DIR", completes="folder", help="list, search: sessions of this folder only"
            ),
            Option(name="limit", value="N", help="list, search: so many at most (default: 50)"),
            Option(name="cursor", value="CURSOR", help="list: the page that begins here"),
            Option(name="archived", help="list: those put away"),
            Option(name="runs", help="show: one line for each prompt and how it ended"),
            Option(
                name="output",
                short="o",
                value="FILE",
                completes="file",
                help="export: file to write (default: stdout)",
            ),
            Option(name="yes", help="delete: do not ask"),
            Option(name="from", value="STORE", help="migrate: store to copy from"),
            Option(name="to", value="STORE", help="migrate: store to copy to"),
        ),
        examples=(
            ("acp-agent sessions list --cwd .", "those of this folder, last changed first"),
            ('acp-agent sessions search "flaky test"', "find one by what was said"),
            ("acp-agent sessions show ID", "read one"),
            ("acp-agent sessions export ID -o session.jsonl", "take one along"),
            ("acp-agent sessions import session.jsonl", "and into another store"),
            ("acp-agent sessions migrate --from sqlite --to file:~/sessions", "copy all of them"),
        ),
    ),
    Command(
        name="trust",
        help="let a project's settings file take effect",
        description=(
            "Show a project's .acp-agent/config.toml and let it take effect, as it is now. A file that "
            "changes afterwards has to be trusted again."
        ),
        argument=Argument(
            name="dir", required=False, completes="folder", help="project folder (default: this folder)"
        ),
        options=(
            Option(name="remove", help="stop trusting the folder"),
            Option(name="list", help="list the trusted folders"),
        ),
        examples=(
            ("acp-agent trust", "trust this folder's settings file"),
            ("acp-agent trust --remove ../other", "stop trusting a folder"),
        ),
    ),
    Command(
        name="completion",
        help="print a completion script for a shell",
        argument=Argument(name="shell", choices=("bash", "zsh", "fish"), help="which shell"),
        examples=(
            ('eval "$(acp-agent completion bash)"', "in ~/.bashrc"),
            ('eval "$(acp-agent completion zsh)"', "in ~/.zshrc, after compinit"),
            ("acp-agent completion fish | source", "in ~/.config/fish/config.fish"),
        ),
    ),
)
"""The commands, in the order in which help lists them."""
