"""Probes and metrics: right in every state, and never a request of their own."""

import asyncio
import re
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator import COUNTERS, GAUGES, HISTOGRAMS, Status
from server import ServerSettings
from tests.fakes import SMALL_SPEC, FakeEngine
from tests.server.harness import Stack


def test_the_stock_clients_string_says_live(stack: Stack) -> None:
    async def run() -> dict:
        async with stack.client() as client:
            return (await client.get("/v1/health")).json()

    health = asyncio.run(run())
    assert health["is_live"] == "True" and health["status"] == "ready"
    assert health["engine"]["sample_rate"] == 24_000
    assert health["engine"]["max_guidance"] is None
    assert health["orchestrator"]["num_live_requests"] == 0


def test_the_engine_states_the_largest_guidance() -> None:
    stack = Stack(engine=FakeEngine(replace(SMALL_SPEC, max_guidance=2.0)))

    async def run() -> dict:
        async with stack.client() as client:
            return (await client.get("/v1/health")).json()

    assert asyncio.run(run())["engine"]["max_guidance"] == 2.0


STATES = {
    Status.NEW: (200, 503, "False"),
    Status.STARTING: (200, 503, "False"),
    Status.READY: (200, 200, "True"),
    Status.RESTARTING: (200, 503, "False"),
    Status.DRAINING: (200, 503, "False"),
    Status.HUNG: (503, 503, "False"),
    Status.FAILED: (503, 503, "False"),
    Status.STOPPED: (503, 503, "False"),
}


@pytest.mark.parametrize("status", STATES)
def test_probes_follow_the_state(stack: Stack, status: Status) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(app=stack.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            stack.orchestrator._status = status
            live, ready, word = STATES[status]
            assert (await client.get("/livez")).status_code == live
            assert (await client.get("/readyz")).status_code == ready
            health = await client.get("/v1/health")
            assert health.status_code == live and health.json()["is_live"] == word

    asyncio.run(run())
    assert not stack.engine.calls


def test_metrics_are_complete_and_count(stack: Stack) -> None:
    async def run() -> str:
        async with stack.client() as client:
            await client.post("/v1/generate", json={"gen_text": "Hello."})
            await client.post("/v1/generate", json={"gen_text": "Hello.", "voice": "nobody"})
            return (await client.get("/metrics")).text

    families = {
        family.name: family for family in text_string_to_metric_families(asyncio.run(run()))
    }
    for name in (*COUNTERS, *GAUGES, *HISTOGRAMS):
        assert f"jetvoice_{name}".removesuffix("_total") in families, name
    samples = {s.name: s.value for f in families.values() for s in f.samples if not s.labels}
    assert samples["jetvoice_requests_finished_total"] == 1
    assert samples["jetvoice_ttfa_seconds_count"] == 1
    buckets = [s for s in families["jetvoice_ttfa_seconds"].samples if s.name.endswith("_bucket")]
    assert buckets[-1].labels["le"] == "+Inf" and buckets[-1].value == 1


def cors_headers(stack: Stack, origin: str) -> httpx.Headers:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=stack.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/livez", headers={"Origin": origin})

    return asyncio.run(run()).headers


def test_cors_is_off_unless_an_origin_is_named(stack: Stack) -> None:
    assert "access-control-allow-origin" not in cors_headers(stack, "https://a.example")
    named = Stack(settings=ServerSettings(cors_origins=("https://a.example",)))
    headers = cors_headers(named, "https://a.example")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-credentials" not in headers
    assert "access-control-allow-origin" not in cors_headers(named, "https://b.example")


def test_the_api_page_has_examples_that_work(stack: Stack) -> None:
    async def run() -> None:
        async with stack.client() as client:
            schema = (await client.get("/openapi.json")).json()
            schemas = schema["components"]["schemas"]
            defaults = {"num_inference_steps": 7, "guidance_scale": 2.0, "use_sway_sampling": True}
            query = schema["paths"]["/v1/generate/stream"]["get"]["parameters"]
            stated = {parameter["name"]: parameter["schema"] for parameter in query}
            for fields in (schemas["StreamBody"]["properties"], stated):
                assert {name: fields[name]["default"] for name in defaults} == defaults
            assert schemas["StreamBody"]["properties"]["speed_factor"]["default"] == 1.0
            for path in ("/v1/generate/stream", "/v1/generate", "/v1/streams"):
                content = schema["paths"][path]["post"]["requestBody"]["content"]
                name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
                (example,) = schemas[name]["examples"]
                answer = await client.post(path, json=example)
                assert answer.is_success, (path, answer.text)
            page = (await client.get("/docs")).text
            assert "http://" not in page and "https://" not in page  # works without a network
            for asset in re.findall(r'(?:src|href)="([^"]+)"', page):
                assert (await client.get(asset)).status_code == 200, asset

    asyncio.run(run())
