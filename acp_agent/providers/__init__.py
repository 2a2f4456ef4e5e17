"""Adapters to model services: OpenAI-compatible servers, Anthropic, and the embedded scripted model.

Each turns one `ModelRequest` into one request on its wire and the answer into `ModelDelta`s. They share the
event-stream parser, the HTTP exchange with its retries, and the table that maps failures to `ProviderError`.

Must not know: sessions, turns, permissions, how tools run, or anything of the editor's protocol.
Start reading at `openai.py`, then `http.py`.
"""
