"""Commands learn no secrets from our environment."""

import pytest

from acp_agent.workspaces.environment import child_environment


@pytest.mark.parametrize(
    "name",
    [
        "ANTHROPIC_API_KEY",
        "OPENAIAPIKEY",
        "openai_api_key",
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "NPM_TOKENS",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "PGPASSWORD",
        "MYSQL_PWD",
        "DB_PASS",
        "COMPOSER_AUTH",
        "SSH_PRIVATE_KEY",
        "GITLAB_PAT",
    ],
)
def test_secrets_by_name_are_removed(name):
    assert name not in child_environment({name: "x"})


@pytest.mark.parametrize(
    "value",
    [
        "sk-ant-api03-abcdefghijklmnop",
        "ghp_abcdefghijklmnop1234",
        "postgres://me:hunter2@db/app",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "AKIAABCDEFGHIJKLMNOP",
    ],
)
def test_secrets_by_value_are_removed(value):
    assert "HARMLESS" not in child_environment({"HARMLESS": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/bin"),
        ("HOME", "/home/me"),
        ("PWD", "/repo"),
        ("OLDPWD", "/"),
        ("SSH_AUTH_SOCK", "/run/agent.sock"),
        ("XDG_SESSION_ID", "1"),
        ("KEYBOARD", "de"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("XAUTHORITY", "/home/me/.Xauthority"),
        ("HTTP_PROXY", "http://proxy:3128"),
        ("REPO", "git@example.org:me/repo.git"),
    ],
)
def test_what_programs_need_is_kept(name, value):
    assert child_environment({name: value})[name] == value


def test_output_is_plain_and_no_pager_waits():
    made = child_environment({"PAGER": "less", "TERM": "xterm-256color"})
    assert made == {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "NO_COLOR": "1"}
