"""A wrong setting is refused by name, with what to do."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_agent.base.errors import ConfigError
from acp_agent.base.jsontext import JsonObject
from acp_agent.base.paths import Places
from acp_agent.sdk.settings.config import load_config
from acp_agent.sdk.settings.file import check_settings, parse_toml

FILE = Path("config.toml")


def load_error(tmp_path: Path, toml: str | bytes) -> ConfigError:
    file = tmp_path / "config.toml"
    file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(cwd=None, env={}, paths=Places(file, tmp_path / "data"))
    assert str(file) in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("modle = 'x'", "unknown key `modle`; did you mean `mode` or `model`?"),
        ("[provider.x]", "unknown key `provider`; did you mean `providers`?"),
        (
            "[providers.openai]\nbaseurl = 'x'",
            "unknown key `providers.openai.baseurl`; did you mean `base_url`?",
        ),
        (
            "[providers.openai]\nmodels = [{id = 'a', contextsize = 1}]",
            "unknown key `providers.openai.models[0].contextsize`; did you mean `context_size`?",
        ),
        ("[mcp_servers.x]\ncomand = 'a'", "unknown key `mcp_servers.x.comand`; did you mean `command`?"),
        ("mode = 'yolo'", "`mode`: unknown value `yolo`"),
        ("mode = 'pln'", "`mode`: unknown value `pln`; did you mean `plan`?"),
        (
            "[providers.openai]\ntype = 'opanai'",
            "`providers.openai.type`: unknown value `opanai`; did you mean `openai`?",
        ),
        ("max_steps = 'x'", "`max_steps`: expected `int`, got `str`"),
        ("max_steps = 0", "`max_steps`: expected `int` >= 1"),
        ("compact_at = 1.5", "`compact_at`: expected `float` <= 1"),
        ("model = 3", "`model`: expected `str`, got `int`"),
        ("providers = 3", "`providers`: expected tables such as `[providers.NAME]`"),
        ("[providers]\nopenai = 3", "`providers.openai`: expected a table"),
        ("[providers.'a/b']", "the name `a/b` is empty or has a `/` or `:`"),
        ("[providers.openai]\napi_key = 3", "`providers.openai.api_key`: expected `str`, got `int`"),
        (
            "[providers.openai]\nmodels = [{name = 'x'}]",
            "`providers.openai.models[0].id`: is missing",
        ),
        ("[providers.mine]\nbase_url = 'https://x.y'", "`providers.mine.type`: is missing"),
        ("[providers.mine]\ntype = 'openai'", "`providers.mine.base_url`: is missing"),
        (
            "[providers.mine]\ntype = 'openai'\nbase_url = 'x.y/v1'",
            "`providers.mine.base_url`: is not an http or https URL",
        ),
        (
            "[providers.mine]\ntype = 'openai'\nbase_url = 'https://u:s3cret@x.y/v1'",
            "`providers.mine.base_url`: has a user name or password in it",
        ),
        ("[providers.mine]\ntype = 'scripted'", "`providers.mine.script`: is missing"),
        ("[providers.openai]\nscript = 'x'", '`providers.openai.script`: is for `type = "scripted"` only'),
        (
            "[providers.openai]\nthinking_budget = 5",
            '`providers.openai.thinking_budget`: is for `type = "anthropic"` only',
        ),
        ("model = 'gpt-5'", "`gpt-5` is not a model"),
        ("model = 'opnai/gpt-5'", "no provider `opnai`; did you mean `openai`?"),
        ("model = 'scripted/script'", "`scripted/script` has no script to play"),
        ("mode = 'ask'\n\nmax_steps = = 3", "line 3: invalid value"),
        ("mode = 'ask'\nmode = 'ask'", "line 2: cannot overwrite a value"),
        (b"mode = 'ask'\n# \xff\n", "line 2: is not UTF-8"),
    ],
)
def test_the_error_names_file_key_and_remedy(tmp_path: Path, toml: str | bytes, said: str) -> None:
    assert said in str(load_error(tmp_path, toml))


def test_a_secret_in_a_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    url = "[providers.mine]\ntype = 'openai'\nbase_url = 'https://u:s3cret@x.y/v1'"
    assert "s3cret" not in str(load_error(tmp_path, url))
    assert "s3cret" not in str(load_error(tmp_path, "[providers.openai]\napi_key = ['s3cret']"))


def test_choices_are_listed_in_the_hint(tmp_path: Path) -> None:
    assert load_error(tmp_path, "mode = 'yolo'").hint == "choose one of: ask, accept-edits, plan, auto"


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ACP_AGENT_MODE": "yolo"}, "`ACP_AGENT_MODE`: unknown value `yolo`"),
        ({"ACP_AGENT_MAX_STEPS": "many"}, "`ACP_AGENT_MAX_STEPS`: expected a whole number from 1 to 10000"),
        ({"ACP_AGENT_MAX_STEPS": "0"}, "`ACP_AGENT_MAX_STEPS`: expected"),
        ({"ACP_AGENT_MODEL": "gpt-5"}, "environment variable `ACP_AGENT_MODEL`: `gpt-5` is not a model"),
        ({"OPENAI_BASE_URL": "nonsense"}, "`OPENAI_BASE_URL`: is not an http or https URL"),
    ],
)
def test_a_wrong_variable_is_named(env: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(cwd=None, env=env, paths=Places(None, None))
    assert said in str(caught.value)


def test_a_settings_file_that_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "config.toml"
    folder.mkdir()
    with pytest.raises(ConfigError, match=r"regular file|cannot be read"):
        load_config(cwd=None, env={}, paths=Places(folder, None))


def test_a_pipe_in_the_files_place_does_not_hang(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        return  # the system has no such thing to put there
    pipe = tmp_path / "config.toml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="is not a regular file"):
        load_config(cwd=None, env={}, paths=Places(pipe, None))


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    assert "is larger than" in str(load_error(tmp_path, b"#" * 2_000_000))


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_config_error(content: bytes) -> None:
    with contextlib.suppress(ConfigError):
        check_settings(parse_toml(content, FILE), FILE)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "model",
                    "providers",
                    "openai",
                    "models",
                    "id",
                    "mcp_servers",
                    "command",
                    "api_key",
                    "headers",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["model", "providers", "mcp_servers", "mode", "zzz"]), json_like))
def test_any_tables_are_settings_or_a_config_error(tables: JsonObject) -> None:
    with contextlib.suppress(ConfigError):
        check_settings(tables, FILE)
