"""Spans with OpenTelemetry: only where it is wanted, joined to the client's trace, without what was said."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import anyio
import pytest

from acp_agent.base.trace import NO_TRACE, Trace, Tracer, current_trace, joined

if importlib.util.find_spec("opentelemetry.sdk") is None:
    pytest.skip("the extra `otel` is not installed", allow_module_level=True)

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from acp_agent.sdk.telemetry import SpanTracer

TRACE_ID = "80e1afed08e019fc1110464cfa66635c"
CLIENT = Trace(f"00-{TRACE_ID}-7a085853722dc6d2-01", "vendor=1", "user=x")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> SpanTracer:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return SpanTracer(provider)


def test_spans_are_children_of_the_clients_and_of_each_other(
    tracer: SpanTracer, exporter: InMemorySpanExporter
) -> None:
    with joined(CLIENT), tracer.span("turn", {"a": 1}) as note:
        turn_place = current_trace()
        with tracer.span("step", {}):
            step_place = current_trace()
        note({"b": "2"})
        assert current_trace() == turn_place
    step, turn = exporter.get_finished_spans()
    assert (turn.name, dict(turn.attributes or {})) == ("turn", {"a": 1, "b": "2"})
    assert turn.parent is not None
    assert step.parent is not None
    assert turn.context is not None
    assert f"{turn.parent.span_id:016x}" == "7a085853722dc6d2"
    assert step.parent.span_id == turn.context.span_id
    assert f"{turn.context.trace_id:032x}" == TRACE_ID
    assert turn_place == Trace(f"00-{TRACE_ID}-{turn.context.span_id:016x}-01", "vendor=1", "user=x")
    assert step_place.parent not in (turn_place.parent, CLIENT.parent)


def test_without_a_client_that_traces_a_trace_begins(
    tracer: SpanTracer, exporter: InMemorySpanExporter
) -> None:
    with tracer.span("turn", {}):
        assert current_trace().parent.startswith("00-")
    assert current_trace() == NO_TRACE
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def test_a_client_that_does_not_sample_is_not_recorded(
    tracer: SpanTracer, exporter: InMemorySpanExporter
) -> None:
    with joined(Trace(CLIENT.parent[:-2] + "00")), tracer.span("turn", {}):
        assert current_trace().parent.startswith(f"00-{TRACE_ID}-")
        assert current_trace().parent.endswith("-00")
    assert exporter.get_finished_spans() == ()


def test_an_error_is_told_by_its_class_alone(tracer: SpanTracer, exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="secret"), tracer.span("turn", {}):
        raise ValueError("a secret was said")
    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert not span.status.is_ok
    assert "secret" not in span.to_json()


async def test_being_cancelled_is_no_error(tracer: SpanTracer, exporter: InMemorySpanExporter) -> None:
    with anyio.CancelScope() as scope, tracer.span("turn", {}):
        scope.cancel()
        await anyio.lowlevel.checkpoint()
    (span,) = exporter.get_finished_spans()
    assert span.status.is_unset
    assert dict(span.attributes or {}) == {"acp.cancelled": True}


LOOK = (
    "import os, sys, logging; logging.basicConfig()\n"
    "from acp_agent.sdk.telemetry import open_tracer\n"
    "tracer = open_tracer(os.environ)\n"
    "with tracer.span('turn', {}): pass\n"
    "import anyio; anyio.run(tracer.aclose)\n"
    "print(type(tracer).__name__, 'opentelemetry' in sys.modules)\n"
)


def opened(**env: str) -> subprocess.CompletedProcess[str]:
    """A tracer opened and used in a process of its own, for providers are global."""
    return subprocess.run(
        [sys.executable, "-c", LOOK], env=env, capture_output=True, text=True, check=True, encoding="utf-8"
    )


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"},
        {"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"},
    ],
    ids=str,
)
def test_nothing_is_loaded_where_no_spans_are_wanted(env: dict[str, str]) -> None:
    ran = opened(**env)
    assert (ran.stdout, ran.stderr) == ("Tracer False\n", "")


def test_an_exporter_that_is_not_installed_is_named_and_the_agent_goes_on() -> None:
    ran = opened(OTEL_TRACES_EXPORTER="nowhere")
    assert ran.stdout == "Tracer True\n"
    assert "`nowhere`" in ran.stderr
    assert "acp-agent[otel]" in ran.stderr


def test_the_console_exporter_writes_to_standard_error() -> None:
    ran = opened(OTEL_TRACES_EXPORTER="console")
    assert ran.stdout == "SpanTracer True\n"
    assert '"name": "turn"' in ran.stderr
    assert '"service.name": "acp-agent"' in ran.stderr


def test_the_environment_names_the_service() -> None:
    ran = opened(OTEL_TRACES_EXPORTER="console", OTEL_SERVICE_NAME="mine")
    assert '"service.name": "mine"' in ran.stderr


async def test_a_tracer_without_spans_has_nothing_to_hand_over() -> None:
    await Tracer().aclose()
