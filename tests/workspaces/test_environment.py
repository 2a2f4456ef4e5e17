"""Commands learn no secrets from our environment."""

import os
import subprocess

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
    expected = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat", "NO_COLOR": "1"}
    assert {name: value for name, value in made.items() if not name.startswith("GIT_CONFIG")} == expected


def test_a_repository_cannot_have_git_start_a_monitor(tmp_path):
    proof = tmp_path / "started"
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {proof}\n", encoding="utf-8")
    monitor.chmod(0o755)
    repository = tmp_path / "repository"

    def git(*words, env):
        subprocess.run(["git", *words], cwd=tmp_path, env=env, check=True, capture_output=True)

    theirs = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    git("init", str(repository), env=theirs)
    git("-C", str(repository), "config", "core.fsmonitor", str(monitor), env=theirs)
    git("-C", str(repository), "status", env=theirs)
    assert proof.exists(), "this git starts no monitors; nothing is shown"
    proof.unlink()
    git("-C", str(repository), "status", env=child_environment(theirs))
    assert not proof.exists()


def test_settings_given_to_git_by_variables_do_not_reach_commands():
    given = {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_1": "http.extraHeader", "GIT_CONFIG_VALUE_1": "Basic x"}
    made = child_environment(given)
    assert made["GIT_CONFIG_COUNT"] == "1"
    assert "Basic x" not in made.values()
