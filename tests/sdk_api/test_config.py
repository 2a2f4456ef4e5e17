"""Settings as files, text and mappings, in TOML and in blocks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import ConfigError
from acp_agent.sdk.embed.blocking.agent import Agent
from acp_agent.sdk.embed.errors import ConfigInvalid
from acp_agent.sdk.embed.opening.config_source import read_config
from acp_agent.sdk.settings.blocks import LABELS, parse_blocks
from tests.sdk_api.conftest import Home

HCL = """
# an agent
default_model = "openai/small"
max_tool_rounds = 7
skill_dirs = ["skills", "/more"] // two
sessions_dir = "kept"
providers {
  name = "openai"
  api_key = env("KEY")
  base_url = "http://127.0.0.1:1/v1"
  models {
    id = "small"
    name = "Small"
    tool_call = true
    attachment = false
    reasoning = true
    limit { context = 1000 output = 100 }
    cost { input = 0.5 output = 1.5 cache_read = 0.1 }
  }
  models { id = "large" }
}
mcp_servers { name = "files" command = "files" args = ["--all"] }
queue { enable_metrics = true  retry_policy = { kind = "fixed", max_retries = 3 } }
"""

ACL = """
default_model: 'openai/small'
maxToolRounds: 7
skillDirs: ["skills", "/more"]
sessions_dir = "kept"
providers "openai" {
  apiKey = env("KEY")
  baseUrl = "http://127.0.0.1:1/v1"
  models "small" {
    name = "Small", attachment = false, reasoning = true
    limit = { context = 1000, output = 100 }
    cost = { input = 0.5, output = 1.5, cache_read = 0.1 }
  }
  models "large" {}
}
/* a server */
mcp_servers "files" { command = "files"  args = ["--all"] }
"""

TOML = """
model = "openai/small"
max_steps = 7
skill_dirs = ["skills", "/more"]
sessions_dir = "kept"
[providers.openai]
type = "openai"
api_key = "secret"
base_url = "http://127.0.0.1:1/v1"
[[providers.openai.models]]
id = "small"
name = "Small"
takes_images = false
thinks = true
context_size = 1000
max_output = 100
input_price = 0.5
output_price = 1.5
cache_read_price = 0.1
[[providers.openai.models]]
id = "large"
[mcp_servers.files]
command = "files"
args = ["--all"]
"""

ENV = {"KEY": "secret"}


def test_006_071_072_085_221_three_ways_to_write_the_same_settings() -> None:
    settings = [read_config(text, ENV) for text in (HCL, ACL, TOML)]
    assert settings[0] == settings[1] == settings[2]
    key = settings[0].file.providers["openai"].api_key
    assert key is not None
    assert key.reveal() == "secret"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(("name", "text"), [("a.hcl", HCL), ("a.acl", ACL), ("a.toml", TOML)])
def test_005_080_202_a_file_is_read_by_its_name(home: Home, name: str, text: str) -> None:
    home.env |= ENV
    path = home.folder / name
    path.write_text(text, encoding="utf-8")
    with Agent.from_config({}, env=home.env) as agent:
        assert agent.session(home.workspace).model.startswith("scripted/")
    with Agent(path, env=home.env) as agent:
        session = agent.session(home.workspace)
        assert session.model == "openai/small"
    settings = read_config(str(path), home.env)
    assert settings.skill_dirs[0] == home.folder / "skills"
    assert read_config(f"~/{name}", {**home.env, "HOME": str(home.folder)}) == settings


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("missing.toml", "no such file"),
        ('default_model = "openai/x"\nproviders { name = "openai" api_key = env("NO_SUCH") }', "is not set"),
        ('default_model = "a/b"\ncolour = 1', "unknown setting `colour`; known settings: default_model, "),
        ('default_model = "a/b"\nproviders {', "expected `}`, not the end"),
        ('default_model = "a/b"\nx = yes', "line 2: unknown word `yes`"),
        ('default_model = "a/b"\ndefault_model = "c"', "is there twice"),
        ('default_model = "a/b"\n@', "line 2: unexpected `@`"),
        ("model = 3", "expected `str"),
        ({"modle": "x"}, "unknown key `modle`"),
        ({"skill_dirs": "x"}, "expected a list of folders"),
        ('default_model = "nobody/x"', "nobody"),
        ('default_model = "p/x', "line 1: unexpected a text that has no end"),
        ({"model": object()}, "a value is none that settings have"),
        (
            'default_model = "p/z"\nproviders "p" { base_url = "http://localhost/v1"\nmodels "a" {} }',
            "provider 'p' or model 'z' not found in config; known models: p/a",
        ),
        (
            'default_model = "p/a"\nproviders "p" { base_url = "http://x/v1" }\nproviders { name = "p" }',
            "`providers`: `p` is there twice; write one block",
        ),
        (
            'default_model = "p/a"\nproviders "p" { base_url = "http://x/v1" models "a" {} models "a" {} }',
            r"`providers\.p\.models`: `a` is there twice",
        ),
        (
            'default_model = "p/a"\nproviders "p" { base_url = "http://localhost/v1"\n'
            'models "a" { api_key = "1" }\nmodels "b" { api_key = "2" } }',
            "different keys",
        ),
    ],
)
def test_080_settings_that_cannot_be_used_say_so_at_once(home: Home, config: Any, complaint: str) -> None:
    with pytest.raises(ConfigInvalid, match=complaint) as refused:
        Agent.create(config, env=home.env)
    assert refused.value.code == "config_invalid"


def test_texts_escapes_and_numbers() -> None:
    parsed = parse_blocks(
        r"""a = "x\n\"y\" \u00e4" b = 'it' c = -1.5e3 d = null e = [1, [true,],] f = { g: 1, "h i" = 2 }""",
        "here",
        {},
    )
    assert parsed == {
        "a": 'x\n"y" ä',
        "b": "it",
        "c": -1500.0,
        "d": None,
        "e": [1, [True]],
        "f": {"g": 1, "h i": 2},
    }
    assert parse_blocks('b "x" "y" { } b { }', "here", {}) == {"b": [{LABELS: ["x", "y"]}, {}]}


@given(st.text(alphabet="{}[]()=:,\"'#/*\\\n ab1-.e", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    complaint = "`here`: line "
    try:
        parse_blocks(text, "here", {})
    except ConfigError as exc:
        complaint = str(exc)
    assert complaint.startswith("`here`: line ")
