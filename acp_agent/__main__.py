"""The command `acp-agent`. Serving and `--version` start without the command line's parser."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command in `sys.argv`; returns the exit code."""
    arguments = sys.argv[1:]
    if arguments in ([], ["serve"]):
        # lazy: an editor waits, and needs no parser
        from acp_agent.cli import serve
        from acp_agent.cli.exits import run_command

        return run_command(lambda: serve.main({}))
    if arguments in (["--version"], ["-V"]):
        from acp_agent import __version__  # lazy: all that is needed for this

        sys.stdout.write(f"acp-agent {__version__}\n")
        return 0
    from acp_agent.cli import main as command_line  # lazy: the parser

    return command_line.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
