"""How commands end: the exit codes, and the one place where errors become text on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from acp_agent.base.errors import AcpAgentError, ConfigError

OK = 0
FAILED = 1
USAGE = 2
NOT_CONFIGURED = 3
INTERRUPTED = 130

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (OK, "success"),
    (FAILED, "the work failed"),
    (USAGE, "the command line is wrong"),
    (NOT_CONFIGURED, "the configuration is wrong or incomplete"),
    (INTERRUPTED, "interrupted"),
)
"""Every exit code and what it means, for people."""


def run_command(command: Callable[[], int]) -> int:
    """Run it and return its exit code; errors raised on purpose become one line, a hint and a code."""
    try:
        code = command()
        sys.stdout.flush()
        return code
    except ConfigError as exc:
        report(str(exc), exc.hint)
        return NOT_CONFIGURED
    except AcpAgentError as exc:
        report(str(exc))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. The interpreter flushes stdout once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def report(message: str, hint: str = "") -> None:
    """Say on stderr what went wrong and what to do about it."""
    sys.stderr.write(f"acp-agent: {message}\n")
    if hint:
        sys.stderr.write(f"hint: {hint}\n")
