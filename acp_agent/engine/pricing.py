"""What a step cost, from the model's prices."""

from __future__ import annotations

from acp_agent.model.chat import Usage
from acp_agent.model.session import ModelInfo


def price_of(model: ModelInfo, usage: Usage) -> float | None:
    """US dollars for this usage, or None when the model's prices are not known."""
    if model.input_price is None or model.output_price is None:
        return None
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    read_price = model.input_price if model.cache_read_price is None else model.cache_read_price
    write_price = model.input_price if model.cache_write_price is None else model.cache_write_price
    micro_dollars = (
        max(usage.input_tokens - cached, 0) * model.input_price
        + usage.cache_read_tokens * read_price
        + usage.cache_write_tokens * write_price
        + usage.output_tokens * model.output_price
    )
    return micro_dollars / 1_000_000
