"""`acp-agent serve`, which is also what the bare command does."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Mapping

from acp_agent.rpc.stdio import claim_stdio, own_stdio_is_terminal

AT_A_TERMINAL = """\
acp-agent: serving the Agent Client Protocol on stdin and stdout; editors usually start this command
hint: `acp-agent demo` shows a session, `acp-agent editor-config zed` prints editor settings; Ctrl-D ends
"""


def main(options: Mapping[str, str]) -> int:
    """Serve one client on the standard streams; `options` are settings from the command line."""
    if own_stdio_is_terminal():
        sys.stderr.write(AT_A_TERMINAL)
    # Until the event loop takes over there is nothing to save; SIGINT stays as it is.
    signal.signal(signal.SIGTERM, _leave)
    wire = claim_stdio()
    gc.disable()  # until everything is loaded: it stays for good, and searching it costs a tenth of the start
    from acp_agent.server.opening import open_conversation  # lazy: after the streams are claimed

    opening = open_conversation(wire)

    # lazy: the client has its first answer; from here on it is worth loading the rest
    from acp_agent.base.errors import ConfigError
    from acp_agent.base.logs import configure_logging
    from acp_agent.rpc.framing import DEFAULT_FRAME_LIMIT
    from acp_agent.sdk.agent import open_agent
    from acp_agent.sdk.settings.config import DEFAULT_LOG_LEVEL, Config, load_config
    from acp_agent.server.serve import serve_wire
    from acp_agent.workspaces.own_process import deny_inspection, deny_inspection_soon

    deny_inspection_soon()
    env = dict(os.environ)
    config: Config | ConfigError
    try:
        config = load_config(cwd=None, env=env, cli=options)
        configure_logging(config.log_level)
        frame_limit = config.max_frame_mib * 1024 * 1024
    except ConfigError as exc:  # told to the client when it asks for a session
        config = exc
        configure_logging(DEFAULT_LOG_LEVEL)
        frame_limit = DEFAULT_FRAME_LIMIT
    serve_wire(
        wire,
        opening,
        lambda: open_agent(config, env=env, options=options, before_start=deny_inspection),
        frame_limit=frame_limit,
    )
    sys.stderr.flush()
    # Everything is stored and every child stopped; a thread still in a blocking call must not hold us.
    os._exit(0)


def _leave(_signal: int, _frame: object) -> None:
    os._exit(0)
