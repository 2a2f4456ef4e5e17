"""Why a turn failed."""

from __future__ import annotations

from typing import Literal

import msgspec

from acp_agent.base.errors import ProviderFault


class TurnFault(msgspec.Struct, frozen=True):
    """Why a turn failed: which provider, what it said, what to do."""

    message: str
    fault: ProviderFault | Literal["internal", "store"]
    provider: str = ""
    status: int | None = None
    retry_after: float | None = None
    hint: str = ""
