"""`initialize` judged against the protocol's own schema."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import acp_agent
from acp_agent.base.jsontext import JsonObject, JsonValue
from acp_agent.surface.handshake import BadVersion, ClientOffer, initialize
from acp_agent.surface.v1 import capabilities
from acp_agent.testing.wire_schema import WireSchema

SCHEMA = WireSchema(unstable=True)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
FLAG = st.booleans() | JSON


def members(**fields: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    """An object with any of these members, or something else altogether."""
    return st.fixed_dictionaries({}, optional=fields) | JSON


CAPABILITIES = members(
    fs=members(readTextFile=FLAG, writeTextFile=FLAG),
    terminal=FLAG,
    auth=members(terminal=FLAG),
    session=members(notices=members(), configOptions=members()),
    elicitation=JSON,
    plan=members(),
    subagents=members(),
    _meta=members(**{"terminal-auth": FLAG, "terminal_output": FLAG}),
)
PARAMS = members(
    protocolVersion=st.integers(-1, 3) | st.sampled_from([65535, 65536]) | JSON,
    clientCapabilities=CAPABILITIES,
    clientInfo=members(name=st.text(max_size=5) | JSON, version=st.text(max_size=5) | JSON, title=JSON),
    unknownMember=JSON,
)


@given(PARAMS)
def test_it_is_accepted_exactly_when_the_schema_accepts_the_version(params: JsonValue) -> None:
    version = params.get("protocolVersion") if isinstance(params, dict) else None
    # JSON Schema counts 1.0 as an integer; the protocol's own readers do not, nor do we.
    valid = SCHEMA.violations("ProtocolVersion", version) == [] and not isinstance(version, float)
    if valid:
        result, _ = initialize(params)
        assert SCHEMA.violations("InitializeResponse", result) == []
        assert SCHEMA.surplus("InitializeResponse", result, nulls=True) == []
        assert result["protocolVersion"] == capabilities.VERSION
    else:
        with pytest.raises(BadVersion):
            initialize(params)
        assert SCHEMA.violations("InitializeRequest", params) != [] or isinstance(version, float)


@given(st.integers(0, 65535), CAPABILITIES)
def test_a_capability_is_believed_only_if_it_is_plainly_there(
    version: int, given_capabilities: JsonValue
) -> None:
    _, offer = initialize({"protocolVersion": version, "clientCapabilities": given_capabilities})

    def at(*path: str) -> JsonValue:
        value: JsonValue = given_capabilities
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    assert offer == ClientOffer(
        read_text_file=at("fs", "readTextFile") is True,
        write_text_file=at("fs", "writeTextFile") is True,
        terminal=at("terminal") is True,
        auth_terminal=at("auth", "terminal") is True,
        notices=isinstance(at("session", "notices"), dict),
        forms=isinstance(at("elicitation", "form"), dict),
        visits=isinstance(at("elicitation", "url"), dict),
        drawn_terminals=at("_meta", "terminal_output") is True,
        login_command=at("_meta", "terminal-auth") is True,
        plans=isinstance(at("plan"), dict),
        subagents=isinstance(at("subagents"), dict),
    )


@pytest.mark.parametrize("version", [None, True, "1", 1.0, -1, 65536, math.inf, [], {}])
def test_a_version_that_is_none_is_refused(version: JsonValue) -> None:
    with pytest.raises(BadVersion, match="integer from 0 to 65535"):
        initialize({"protocolVersion": version})


@pytest.mark.parametrize("params", [None, [], 5, "x", {}])
def test_params_without_a_version_are_refused(params: JsonValue) -> None:
    with pytest.raises(BadVersion):
        initialize(params)


@pytest.mark.parametrize("version", [0, 1, 2, 65535])
def test_every_version_is_answered_with_ours(version: int) -> None:
    result, offer = initialize({"protocolVersion": version})
    assert (result["protocolVersion"], offer) == (1, ClientOffer())
    assert result["agentInfo"] == {
        "name": "acp-agent",
        "title": "acp-agent",
        "version": acp_agent.__version__,
    }


def test_the_terminal_login_is_offered_only_to_clients_with_a_terminal_for_it() -> None:
    plain, _ = initialize({"protocolVersion": 1})
    able, _ = initialize({"protocolVersion": 1, "clientCapabilities": {"auth": {"terminal": True}}})
    assert plain["authMethods"] == [capabilities.AGENT_METHOD]
    assert able["authMethods"] == [capabilities.AGENT_METHOD, capabilities.TERMINAL_METHOD]


COMMAND: JsonObject = {"_meta": {"terminal-auth": True}}


def test_clients_that_run_commands_are_told_the_whole_command() -> None:
    told, offer = initialize({"protocolVersion": 1, "clientCapabilities": COMMAND})
    _, login = offer.auth_methods()
    assert told["authMethods"] == offer.auth_methods()
    assert "type" not in login  # only for clients that say they can run our own command again
    both, _ = initialize(
        {"protocolVersion": 1, "clientCapabilities": {**COMMAND, "auth": {"terminal": True}}}
    )
    assert both["authMethods"] == [
        capabilities.AGENT_METHOD,
        {**capabilities.TERMINAL_METHOD, "_meta": login["_meta"]},
    ]


@pytest.mark.parametrize("value", [False, 1, "yes", {}, None])
def test_a_client_that_does_not_plainly_run_commands_is_told_none(value: JsonValue) -> None:
    client: JsonObject = {"_meta": {"terminal-auth": value}}
    told, _ = initialize({"protocolVersion": 1, "clientCapabilities": client})
    assert told["authMethods"] == [capabilities.AGENT_METHOD]


def test_the_login_command_is_the_one_that_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "bin" / "acp-agent"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.chdir(script.parent)
    monkeypatch.setenv("ACP_AGENT_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    told = {"label": "acp-agent login", "env": {"ACP_AGENT_HOME": str(tmp_path)}}
    monkeypatch.setattr(sys, "argv", ["acp-agent", "serve"])  # as a shell that found it by a relative path
    assert capabilities.login_command() == {**told, "command": str(script), "args": ["login"]}
    monkeypatch.setattr(sys, "argv", ["/usr/lib/acp_agent/__main__.py"])
    assert capabilities.login_command() == {
        **told,
        "command": sys.executable,
        "args": ["-P", "-m", "acp_agent", "login"],
    }


def test_results_share_nothing_that_a_caller_could_change() -> None:
    first, _ = initialize({"protocolVersion": 1})
    capability = first["agentCapabilities"]
    assert isinstance(capability, dict)
    capability["loadSession"] = "changed"
    methods = first["authMethods"]
    assert isinstance(methods, list)
    methods.clear()
    second, _ = initialize({"protocolVersion": 1})
    assert second["agentCapabilities"] == capabilities.agent_capabilities()
    assert second["authMethods"] == [capabilities.AGENT_METHOD]
