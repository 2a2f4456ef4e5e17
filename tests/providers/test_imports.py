from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = ["acp_agent.providers.http", "acp_agent.providers.openai", "acp_agent.providers.anthropic"]


@pytest.mark.parametrize("module", MODULES)
def test_no_http_client_is_imported_before_the_first_request(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'httpx', 'httpcore', 'ssl', 'h11'}} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout.strip() == "[]"
