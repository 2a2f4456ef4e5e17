"""ACP version 1 as a projection of the engine's events. Start reading at `router.py` and `projector.py`."""
