"""`initialize`: parameters in, result out. Standard library only, so that nothing delays the answer.

Optional parts of the parameters that have the wrong type count as absent, as the schema asks; only
`protocolVersion` can make the call fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import acp_agent
from acp_agent.surface.v1 import capabilities

if TYPE_CHECKING:
    from acp_agent.base.jsontext import JsonObject

MAX_VERSION = 65535


class BadVersion(ValueError):
    """`protocolVersion` is missing or no version number."""


class ClientOffer(NamedTuple):
    """What the client can do for the agent, and who it is."""

    name: str = ""
    version: str = ""
    read_text_file: bool = False
    write_text_file: bool = False
    terminal: bool = False
    auth_terminal: bool = False
    notices: bool = False
    compactions: bool = False
    boolean_options: bool = False
    forms: bool = False
    visits: bool = False
    drawn_terminals: bool = False
    subagents: bool = False
    login_command: bool = False
    plans: bool = False

    @property
    def reads_drafts(self) -> bool:
        """Whether it knows the draft of this version, by what it takes from it; not all is negotiated."""
        return self.plans or self.subagents

    def auth_methods(self) -> list[JsonObject]:
        """The ways to authenticate that this client can go."""
        return capabilities.auth_methods(terminal=self.auth_terminal, command=self.login_command)


def initialize(params: object) -> tuple[JsonObject, ClientOffer]:
    """The result of `initialize` and what it established.

    The answered version is the client's if we speak it, otherwise our latest.

    Raises:
        BadVersion: `protocolVersion` is not an integer from 0 to 65535.
    """
    given = _object(params)
    version = given.get("protocolVersion")
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version <= MAX_VERSION:
        raise BadVersion("must be an integer from 0 to 65535")
    offer = _offer(_object(given.get("clientCapabilities")), _object(given.get("clientInfo")))
    result: JsonObject = {
        "protocolVersion": capabilities.VERSION,
        "agentInfo": {"name": "acp-agent", "title": "acp-agent", "version": acp_agent.__version__},
        "agentCapabilities": capabilities.agent_capabilities(),
        "authMethods": [*offer.auth_methods()],
        "_meta": capabilities.RESULT_META,
    }
    return result, offer


def _offer(client: dict[str, object], info: dict[str, object]) -> ClientOffer:
    files = _object(client.get("fs"))
    options = _object(_object(client.get("session")).get("configOptions"))
    elicitation = _object(client.get("elicitation"))
    return ClientOffer(
        name=_text(info.get("name")),
        version=_text(info.get("version")),
        read_text_file=files.get("readTextFile") is True,
        write_text_file=files.get("writeTextFile") is True,
        terminal=client.get("terminal") is True,
        auth_terminal=_object(client.get("auth")).get("terminal") is True,
        notices=isinstance(_object(client.get("session")).get("notices"), dict),
        compactions=isinstance(_object(client.get("session")).get("compaction"), dict),
        boolean_options=isinstance(options.get("boolean"), dict),
        forms=isinstance(elicitation.get("form"), dict),
        visits=isinstance(elicitation.get("url"), dict),
        drawn_terminals=_object(client.get("_meta")).get("terminal_output") is True,
        subagents=isinstance(client.get("subagents"), dict),
        login_command=_object(client.get("_meta")).get(capabilities.TERMINAL_AUTH) is True,
        plans=isinstance(client.get("plan"), dict),
    )


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
