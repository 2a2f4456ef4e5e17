"""Slash commands of the chat itself: what a session offers beside words. An agent's own of a name wins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.cli.chat_screen import Screen
from acp_agent.client.active_session import ActiveSession
from acp_agent.rpc.errors import RpcError

Run = Callable[[Callable[[], Awaitable[object]]], object]
"""Runs something on the connection's event loop and waits for it."""

HELP = (
    "/mode [ID]            the session's modes; with an ID, choose one",
    "/option [ID [VALUE]]  its options; with an ID and a value, choose one",
    "/quit                 leave, as Ctrl-D does",
)


class ChatCommands:
    """`names` complete; `run` acts on one, if the text is one."""

    def __init__(self, session: ActiveSession, screen: Screen, run: Run) -> None:
        self._session = session
        self._screen = screen
        self._run = run
        self._acts: dict[str, Callable[[str], None]] = {
            "mode": self._mode,
            "option": self._option,
            "chat-help": self._help,
        }

    @property
    def names(self) -> list[str]:
        """Those of the agent and ours, without their slashes."""
        return [*self._offered(), *self._acts, "quit"]

    def act(self, text: str) -> bool:
        """Whether it was a command of ours; if so, it is done."""
        name, _, argument = text.strip().partition(" ")
        act = self._acts.get(name.removeprefix("/")) if name.startswith("/") else None
        if act is None or name[1:] in self._offered():
            return False
        try:
            act(argument.strip())
        except RpcError as exc:
            self._screen.note(f"! {exc.message}")
        return True

    def _offered(self) -> list[str]:
        return [str(command.get("name")) for command in self._session.conversation.commands]

    def _help(self, argument: str) -> None:
        for line in HELP:
            self._screen.note(f"  {line}")

    def _mode(self, argument: str) -> None:
        modes = _objects(self._session.modes.get("availableModes"))
        if not modes:
            for option in _objects(self._session.config_options):
                if option.get("category") == "mode":  # what some agents have in place of modes
                    self._option(f"{option.get('id')} {argument}")
                    return
            self._screen.note("  the agent has no modes")
            return
        if argument:
            self._run(lambda: self._session.set_mode(argument))
        for mode in modes:
            self._choice(mode.get("id"), mode.get("name"), chosen=mode.get("id") == self._session.mode)

    def _option(self, argument: str) -> None:
        name, _, word = argument.partition(" ")
        options = _objects(self._session.config_options)
        if name:
            options = [option for option in options if option.get("id") == name]
        if not options:
            self._screen.note(f"  there is no option `{name}`" if name else "  the agent has no options")
            return
        if word.strip():
            value = _value(options[0], word.strip())
            self._run(lambda: self._session.set_option(name, value))
            now = _objects(self._session.config_options)
            options = [option for option in now if option.get("id") == name]
        for option in options:
            self._screen.note(
                f"  {option.get('id')}: {_text(option.get('currentValue'))}  {option.get('name')}"
            )
            for value, label in _values(option) if name else ():
                self._choice(value, label, chosen=value == _text(option.get("currentValue")))

    def _choice(self, value: JsonValue, label: JsonValue, *, chosen: bool) -> None:
        self._screen.note(f"  {'●' if chosen else '○'} {value}  {label}")


def _value(option: JsonObject, word: str) -> str | bool:
    if option.get("type") != "boolean":
        return word
    return word.lower() in ("on", "yes", "true", "y")


def _values(option: JsonObject) -> Iterator[tuple[str, str]]:
    """What can be chosen, groups laid out flat."""
    if option.get("type") == "boolean":
        yield from (("on", ""), ("off", ""))
    for one in _objects(option.get("options")):
        if "options" in one:
            yield from _values(one)
        else:
            yield str(one.get("value")), str(one.get("name"))


def _text(value: JsonValue) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _objects(value: JsonValue) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
