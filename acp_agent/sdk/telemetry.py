"""Spans for OpenTelemetry: made only where it is installed and the environment or the embedder set it up.

What is read are OpenTelemetry's own variables. Nothing is ever written to standard output.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

import acp_agent
from acp_agent.base.trace import Attributes, Note, Trace, Tracer, current_trace, joined

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import TracerProvider

logger = logging.getLogger(__name__)

HANDOVER_MS = 1_000
"""Milliseconds that spans which were not sent yet may take at the end."""

_EXPORTER = "OTEL_TRACES_EXPORTER"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SDK = "opentelemetry.sdk.trace"


def open_tracer(env: Mapping[str, str]) -> Tracer:
    """A tracer as the environment wants it, or one that makes no spans.

    What is missing for it is said in the log; it never keeps the agent from working.
    """
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Tracer()
    exporter = _wanted_exporter(env)
    if exporter is None and _SDK not in sys.modules:
        return Tracer()
    try:
        return _open(exporter)
    except ImportError as exc:
        logger.warning(
            "spans are wanted, but %s is not installed; hint: install `acp-agent[otel]`",
            exc.name or "OpenTelemetry",
        )
    except Exception:  # the boundary to exporters, which read settings of their own
        logger.warning("spans are wanted, but OpenTelemetry could not be set up", exc_info=True)
    return Tracer()


class SpanTracer(Tracer):
    """Makes spans with a provider of OpenTelemetry. `own` is the provider to be closed with it, if any."""

    def __init__(self, provider: TracerProvider, own: SdkTracerProvider | None = None) -> None:
        from opentelemetry.baggage.propagation import W3CBaggagePropagator  # lazy: only who traces has it
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer = provider.get_tracer("acp_agent", acp_agent.__version__)
        self._place = TraceContextTextMapPropagator()
        self._baggage = W3CBaggagePropagator()
        self._own = own

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[Note]:
        """The time in the context as a span; a child of the current trace's."""
        return self._span(name, attributes)

    async def aclose(self) -> None:
        """Send what was not sent yet, if the provider is ours."""
        if self._own is None:
            return
        with anyio.move_on_after(HANDOVER_MS / 1_000, shield=True):
            await anyio.to_thread.run_sync(self._own.force_flush, HANDOVER_MS, abandon_on_cancel=True)

    @contextmanager
    def _span(self, name: str, attributes: Attributes) -> Generator[Note]:
        from opentelemetry import context as contexts  # lazy: loaded with the tracer
        from opentelemetry import trace

        around = current_trace()
        parent = None
        if not trace.get_current_span().get_span_context().is_valid:
            parent = self._baggage.extract(around.entries(), self._place.extract(around.entries()))
        span = self._tracer.start_span(name, context=parent, attributes=attributes)
        token = contexts.attach(trace.set_span_in_context(span, parent))
        carrier: dict[str, str] = {}
        self._place.inject(carrier)
        here = Trace(carrier.get("traceparent", ""), carrier.get("tracestate", ""), around.baggage)
        try:
            with joined(here):
                yield span.set_attributes
        except Exception as exc:
            # Its class is enough: messages may quote what was said.
            span.set_attribute("error.type", type(exc).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            raise
        except BaseException:  # cancelled, which is no error
            span.set_attribute("acp.cancelled", True)
            raise
        finally:
            contexts.detach(token)
            span.end()


def _wanted_exporter(env: Mapping[str, str]) -> str | None:
    """The exporter's name, or None if no spans are wanted."""
    name = env.get(_EXPORTER, "").strip().lower()
    if name == "none":
        return None
    if not name and not any(env.get(variable, "").strip() for variable in _ENDPOINTS):
        return None
    if name in ("", "otlp"):
        protocol = env.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or env.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
    return name


def _open(exporter: str | None) -> Tracer:
    from opentelemetry import trace  # lazy: only who traces has it
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    known = trace.get_tracer_provider()
    if isinstance(known, TracerProvider):  # the program around us has set it up
        return SpanTracer(known)
    if exporter is None:
        return Tracer()
    resource = Resource.create({"service.version": acp_agent.__version__})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):  # not named by the environment
        resource = resource.merge(Resource({"service.name": "acp-agent"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_exporter(exporter)))
    trace.set_tracer_provider(provider)
    return SpanTracer(provider, own=provider)


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # lazy: only who traces has it

        return ConsoleSpanExporter(out=sys.stderr)
    from importlib.metadata import entry_points  # lazy: 10 ms

    for point in entry_points(group="opentelemetry_traces_exporter", name=name):
        exporter: SpanExporter = point.load()()
        return exporter
    raise ModuleNotFoundError(f"no exporter `{name}`", name=f"the exporter `{name}`")
