"""Every command and option, as data: the parser, the help and the shell completions are made from it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acp_agent.cli.editors import EDITORS, NEOVIM_PLUGINS
from acp_agent.sdk.settings_file import LOG_LEVELS, MODE_IDS

Completes: TypeAlias = Literal["text", "file", "folder"]


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """`--name VALUE`, or a switch where `value` is empty."""

    name: str
    help: str
    value: str = ""
    short: str = ""
    choices: tuple[str, ...] = ()
    completes: Completes = "text"

    @property
    def flags(self) -> tuple[str, ...]:
        """As typed: the short form first, if there is one."""
        return (f"-{self.short}", f"--{self.name}") if self.short else (f"--{self.name}",)


class Argument(msgspec.Struct, frozen=True, kw_only=True):
    """A word that is no option. `required` is whether it can be left out."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    completes: Completes = "text"
    required: bool = True


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One command; `examples` are command line and what it does."""

    name: str
    help: str
    description: str = ""
    options: tuple[Option, ...] = ()
    argument: Argument | None = None
    examples: tuple[tuple[str, str], ...] = ()


_MODEL = Option(
    name="model", short="m", value="MODEL", help="model to use, as provider/model; see `acp-agent models`"
)
_MODE = Option(name="mode", value="MODE", choices=MODE_IDS, help="how permissions are handled")
_CONFIG = Option(
    name="config", value="FILE", completes="file", help="settings file to use instead of the user's"
)
_JSON = Option(name="json", help="print JSON")

COMMANDS: tuple[Command, ...] = (
    Command(
        name="serve",
        help="serve an editor over stdin and stdout (the default)",
        description="Speak the Agent Client Protocol on stdin and stdout. Editors start this.",
        options=(
            _MODEL,
            _MODE,
            Option(name="store", value="STORE", help="sqlite:///absolute/path, or memory:"),
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
