"""One streaming POST to a model service, with its timeouts, limits and retries.

`ModelEndpoint.stream` is the only network access of this package. Importing this module does not import
httpx: the client is made on the first request, or earlier by `prepare` while nobody waits.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

import anyio
import anyio.to_thread
import msgspec

from acp_agent.base.clock import Clock, utc_now
from acp_agent.base.errors import ProviderError
from acp_agent.base.trace import current_trace
from acp_agent.model.chat import ModelDelta, Retrying, StepFinished
from acp_agent.providers import address, faults
from acp_agent.providers.httpx_loading import load_httpx
from acp_agent.providers.retry import RetryPolicy, delay_before_retry
from acp_agent.providers.sse import EventTooLarge, SseEvent, SseParser

if TYPE_CHECKING:
    import httpx

_MAX_REDIRECTS = 3
_REDIRECTS = (301, 302, 307, 308)
_MAX_ERROR_BYTES = 64 * 1024
_ERROR_BODY_SECONDS = 10.0
_DRAIN_SECONDS = 0.25
_DOCUMENT_TYPES = ("json", "html", "xml")


class HttpSettings(msgspec.Struct, frozen=True):
    """How requests to model services behave; times are seconds.

    Attributes:
        connect_timeout: to open a connection.
        first_byte_timeout: from the start of a request to the head of its answer.
        idle_timeout: between two pieces of an answer, pings included.
        max_answer_bytes: of one answer, decompressed.
        sleep, jitter, clock: injected so that tests need neither time nor chance.
    """

    connect_timeout: float = 10.0
    first_byte_timeout: float = 120.0
    idle_timeout: float = 300.0
    max_answer_bytes: int = 64 * 1024 * 1024
    retry: RetryPolicy = RetryPolicy()
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random
    clock: Clock = utc_now


DEFAULT_HTTP = HttpSettings()


class StreamDecoder(Protocol):
    """Understands the events of one answer. A decoder serves one attempt only."""

    def decode(self, event: SseEvent) -> Sequence[ModelDelta]:
        """The deltas in one event; `StepFinished` once the service has said that it is done.

        Raises:
            ProviderError: the event tells of a failure or is not what the service promises.
        """
        ...

    def end(self) -> StepFinished | None:
        """What the end of the stream means; None if the answer is not complete."""
        ...


KEY_LENGTH = 8
"""Characters of a part of a header's value that may be a key."""


class ModelEndpoint:
    """One URL that streams answers, and the connections to it.

    `secrets` are never repeated in an error, wherever they turn up.

    Raises:
        ConfigError: the URL is not plain http(s), or a header cannot be sent.
    """

    def __init__(
        self,
        provider: str,
        url: str,
        headers: Mapping[str, str],
        *,
        secrets: tuple[str, ...] = (),
        settings: HttpSettings = DEFAULT_HTTP,
    ) -> None:
        address.check_url(provider, url)
        address.check_headers(provider, headers)
        self._provider = provider
        self._url = url
        self._headers = {
            "content-type": "application/json",
            "accept": "text/event-stream",
            # Compression would hold deltas back; an answer compressed nevertheless is understood.
            "accept-encoding": "identity",
            "user-agent": "acp-agent",
            **headers,
        }
        # A header's value is "Bearer", and then the key, which a service may repeat alone.
        words = {word for secret in secrets for word in secret.split() if len(word) >= KEY_LENGTH}
        self._secrets = sorted({*filter(None, secrets), *words}, key=len, reverse=True)
        self._settings = settings
        self._client: httpx.AsyncClient | None = None

    async def prepare(self) -> None:
        """Import and build the client now, in a thread, so that the first request need not."""
        if self._client is None:
            client = await anyio.to_thread.run_sync(self._new_client)
            if self._client is None:
                self._client = client

    async def aclose(self) -> None:
        """Close all connections; a later request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def stream(
        self, body: bytes, new_decoder: Callable[[], StreamDecoder]
    ) -> AsyncGenerator[ModelDelta, None]:
        """Post `body` and yield what the answer says, asking again while nothing was said.

        Raises:
            ProviderError: no complete answer; deltas yielded before stay valid.
        """
        settings = self._settings
        attempt = 0
        spent = 0.0
        while True:
            attempt += 1
            began = anyio.current_time()
            shown = False
            try:
                async with aclosing(self._attempt(body, new_decoder())) as batches:
                    async for batch in batches:
                        for delta in batch:
                            if not shown and self._is_empty(delta, attempt):
                                raise faults.bad_stream(self._provider, "was empty")
                            shown = True
                            yield delta
                return
            except ProviderError as exc:
                error = self._redacted(exc)
                if attempt > 1:
                    spent += anyio.current_time() - began
                delay = (
                    None
                    if shown
                    else delay_before_retry(
                        settings.retry, error, attempt=attempt, spent=spent, jitter=settings.jitter()
                    )
                )
                if delay is None:
                    raise error from exc.__cause__
            spent += delay
            yield Retrying(attempt=attempt, delay=delay, reason=str(error))
            await settings.sleep(delay)

    def _is_empty(self, first: ModelDelta, attempt: int) -> bool:
        """Whether the answer is over as it begins, and asking again may help."""
        policy = self._settings.retry
        return (
            type(first) is StepFinished
            and first.reason == "stop"
            and attempt <= min(policy.max_empty_retries, policy.max_retries)
        )

    async def _attempt(
        self, body: bytes, decoder: StreamDecoder
    ) -> AsyncGenerator[Sequence[ModelDelta], None]:
        response = await self._open(body)
        try:
            async with aclosing(self._events(response)) as chunks:
                async for events in chunks:
                    batch: list[ModelDelta] = []
                    try:
                        for event in events:
                            batch.extend(decoder.decode(event))
                            if batch and type(batch[-1]) is StepFinished:
                                break
                    except ProviderError:
                        if batch:
                            yield batch
                        raise
                    if batch:
                        yield batch
                        if type(batch[-1]) is StepFinished:
                            await _drain(chunks)
                            return
            finished = decoder.end()
            if finished is None:
                raise faults.bad_stream(self._provider, "was cut off")
            yield (finished,)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await response.aclose()

    async def _events(self, response: httpx.Response) -> AsyncGenerator[list[SseEvent], None]:
        import httpx  # lazy: 20 ms, and no request was made before

        settings = self._settings
        parser = SseParser()
        received = 0
        try:
            async for chunk in response.aiter_bytes():
                received += len(chunk)
                if received > settings.max_answer_bytes:
                    what = f"is larger than {settings.max_answer_bytes} bytes"
                    raise faults.bad_stream(self._provider, what, retryable=False)
                events = parser.feed(chunk)
                if events:
                    yield events
        except httpx.TimeoutException as exc:
            raise faults.timed_out(self._provider, "nothing more", settings.idle_timeout) from exc
        except httpx.TransportError as exc:
            raise faults.bad_stream(self._provider, f"was cut off: {faults.clean(str(exc))}") from exc
        except (httpx.DecodingError, EventTooLarge) as exc:
            what = f"cannot be read: {faults.clean(str(exc))}"
            raise faults.bad_stream(self._provider, what, retryable=False) from exc

    async def _open(self, body: bytes) -> httpx.Response:
        """The response whose body is an event stream; everything else is raised."""
        url = self._url
        redirects = 0
        while True:
            response = await self._send(url, body)
            try:
                if response.status_code == 200 and not _is_document(response):
                    return response
                target = _redirect_target(response)
                if target is None:
                    raise await self._refusal(response)
                if address.origin(target) != address.origin(url):
                    # Following would carry the key to another server.
                    where = f"to another server, `{address.origin(target)}`"
                    raise self._redirected(response.status_code, where)
                redirects += 1
                if redirects > _MAX_REDIRECTS:
                    raise self._redirected(response.status_code, f"more than {_MAX_REDIRECTS} times")
                url = target
            except BaseException:
                with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                    await response.aclose()
                raise
            await response.aclose()

    async def _send(self, url: str, body: bytes) -> httpx.Response:
        import httpx  # lazy: 20 ms, and no request was made before

        client = self._client = self._client or self._new_client()
        settings = self._settings
        origin = address.origin(url)
        try:
            request = client.build_request("POST", url, content=body, headers=current_trace().headers())
            with anyio.fail_after(settings.first_byte_timeout):
                return await client.send(request, stream=True)
        except httpx.InvalidURL as exc:
            raise ProviderError(
                f"the base URL of `{self._provider}` cannot be used: {faults.clean(str(exc))}",
                fault="not_configured",
                provider=self._provider,
                hint=f"correct the base URL of provider `{self._provider}`",
            ) from exc
        except httpx.ConnectTimeout as exc:
            why = f"no connection within {settings.connect_timeout:g} seconds"
            raise faults.unreachable(self._provider, origin, why, retryable=True) from exc
        except (TimeoutError, httpx.TimeoutException) as exc:
            raise faults.timed_out(self._provider, "no answer", settings.first_byte_timeout) from exc
        except httpx.ConnectError as exc:
            # A server on this machine that refuses is not started; waiting does not start it.
            raise faults.unreachable(
                self._provider, origin, str(exc), retryable=not address.is_loopback(url)
            ) from exc
        except httpx.TransportError as exc:
            raise faults.unreachable(self._provider, origin, str(exc), retryable=True) from exc

    async def _refusal(self, response: httpx.Response) -> ProviderError:
        import httpx  # lazy: 20 ms, and no request was made before

        body = bytearray()
        with anyio.move_on_after(_ERROR_BODY_SECONDS):
            try:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ERROR_BYTES:
                        break
            except (httpx.TransportError, httpx.DecodingError):
                pass  # the status says enough; the text only explains it
        text = bytes(body[:_MAX_ERROR_BYTES])
        if response.status_code == 200:
            content_type = response.headers.get("content-type", "").partition(";")[0]
            return faults.not_a_stream(self._provider, content_type, text)
        return faults.refused(
            self._provider, response.status_code, response.headers, text, now=self._settings.clock()
        )

    def _redirected(self, status: int, where: str) -> ProviderError:
        return ProviderError(
            f"`{self._provider}` redirects {where}",
            fault="unreachable",
            provider=self._provider,
            status=status,
            hint=f"set the base URL of provider `{self._provider}` to its final address",
        )

    def _redacted(self, error: ProviderError) -> ProviderError:
        text = str(error)
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        if text == str(error):
            return error
        return ProviderError(
            text,
            fault=error.fault,
            provider=error.provider,
            status=error.status,
            retryable=error.retryable,
            retry_after=error.retry_after,
            hint=error.hint,
        )

    def _new_client(self) -> httpx.AsyncClient:
        import urllib.request  # lazy: 5 ms, and httpx needs it too

        load_httpx()
        import httpx  # lazy: 20 ms, needed only to talk to a model

        settings = self._settings
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30.0)
        timeout = httpx.Timeout(
            settings.idle_timeout,
            connect=settings.connect_timeout,
            write=settings.first_byte_timeout,
            pool=None,
        )
        try:
            if not address.is_loopback(self._url) and any(
                scheme != "no" for scheme in urllib.request.getproxies()
            ):
                return httpx.AsyncClient(headers=self._headers, timeout=timeout, limits=limits)

            from acp_agent.providers.transport import MergingTransport  # lazy: imports httpx

            # Building a TLS context takes 40 ms, which a plain-http server never uses.
            plain = address.is_plain_http(self._url)
            transport = MergingTransport(None if plain else httpx.create_ssl_context(), limits)
            return httpx.AsyncClient(
                headers=self._headers, timeout=timeout, transport=transport, trust_env=False
            )
        except (ImportError, ValueError, OSError, httpx.InvalidURL) as exc:
            raise ProviderError(
                f"cannot set up connections to `{self._provider}`: {faults.clean(str(exc))}",
                fault="not_configured",
                provider=self._provider,
                hint="check the proxy and certificate variables of the environment",
            ) from exc


async def _drain(chunks: AsyncGenerator[list[SseEvent], None]) -> None:
    """Read to the end of a complete answer, briefly, so that its connection can be used again."""
    with anyio.move_on_after(_DRAIN_SECONDS):
        try:
            async for _ in chunks:
                pass
        except ProviderError:
            return  # nothing was missing; the connection is closed and the next request opens another


def _redirect_target(response: httpx.Response) -> str | None:
    location = response.headers.get("location", "")
    if response.status_code not in _REDIRECTS or not location:
        return None
    try:
        return urljoin(str(response.url), location)
    except ValueError:
        return None


def _is_document(response: httpx.Response) -> bool:
    content_type = response.headers.get("content-type", "").partition(";")[0].lower()
    return any(kind in content_type for kind in _DOCUMENT_TYPES)
