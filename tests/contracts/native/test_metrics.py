"""GET /metrics, for Prometheus: requests, the follower, the due-list and the streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contracts.asking import NOBODY, WORKSPACES, create
from tests.support.server import Served, eventually, served, stream


async def measured(tenure: Served) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read all metrics, without credentials, and return each sample by its name and labels."""
    async with tenure.client(None) as nobody:
        answer = await nobody.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def value(tenure: Served, name: str, **labels: str) -> float:
    return (await measured(tenure))[name, frozenset(labels.items())]


async def requests(tenure: Served, **labels: str) -> float:
    """How many requests were counted under these labels; 0 if there is no such sample yet."""
    return (await measured(tenure)).get(("tenure_requests_total", frozenset(labels.items())), 0.0)


async def test_requests_are_counted_by_what_was_asked_for(tenure: Served, alice: httpx.AsyncClient) -> None:
    one = {"method": "GET", "route": f"{WORKSPACES}/{{id}}", "status": "404"}
    nowhere = {"method": "GET", "route": "none", "status": "404"}
    before = await requests(tenure, **one), await requests(tenure, **nowhere)
    for _ in range(3):
        await alice.get(f"{WORKSPACES}/{NOBODY}")
        await alice.get("/nothing/here")
    after = await requests(tenure, **one), await requests(tenure, **nowhere)
    assert (after[0] - before[0], after[1] - before[1]) == (3, 3)
    assert await value(tenure, "tenure_request_seconds_count", method="GET", route=one["route"]) >= 3


async def test_what_people_send_names_no_series(tenure: Served, alice: httpx.AsyncClient) -> None:
    await alice.get(f"{WORKSPACES}/{NOBODY}")
    await alice.get("/a-path-of-their-own")
    text = str(await measured(tenure))
    assert NOBODY not in text and "a-path-of-their-own" not in text and "alice" not in text


async def test_open_streams_are_counted(tenure: Served, alice: httpx.AsyncClient) -> None:
    async with stream(alice), stream(alice):
        assert await value(tenure, "tenure_stream_readers") == 2

    async def none() -> bool:
        return await value(tenure, "tenure_stream_readers") == 0

    await eventually(none)


async def test_the_due_list_and_the_follower_are_measured(tenure: Served, alice: httpx.AsyncClient) -> None:
    tenure.engine.away = True
    await create(alice, ttl_seconds=3600)

    async def waiting() -> bool:
        engine = await value(tenure, "tenure_work_rows", lane="engine")
        late = await value(tenure, "tenure_work_lateness_seconds", lane="engine")
        return (engine, await value(tenure, "tenure_work_rows", lane="log")) == (1, 3) and late > 0

    await eventually(waiting)
    assert await value(tenure, "tenure_work_due_rows", lane="log") == 0

    tenure.engine.away = False

    async def all_done() -> bool:
        work = [await value(tenure, f"tenure_work_{metric}", lane="engine") for metric in ("rows", "due_rows")]
        lag = await value(tenure, "tenure_follower_lag_events")
        return (*work, await value(tenure, "tenure_work_lateness_seconds", lane="engine"), lag) == (0, 0, 0, 0)

    await eventually(all_done)
    late = {"command": "workspace.provision"}
    assert await value(tenure, "tenure_work_started_late_seconds_count", **late) >= 1


READERS: list[tuple[dict[str, str], int]] = [
    ({}, 200),
    ({"X-Forwarded-For": "198.51.100.7"}, 403),
    ({"X-Forwarded-For": "127.0.0.1"}, 403),
    ({"Forwarded": "for=198.51.100.7"}, 403),
    ({"Via": "1.1 proxy"}, 403),
    ({"X-Forwarded-For": "192.0.2.9"}, 200),
    ({"X-Forwarded-For": "198.51.100.7", "Authorization": "Bearer a-token-of-metrics"}, 200),
    ({"X-Forwarded-For": "198.51.100.7", "Authorization": "Bearer another"}, 403),
    ({"Authorization": "Bearer another"}, 403),
]


@pytest.mark.fault("F27")
async def test_metrics_are_for_this_machine_named_networks_and_a_token(database: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "metrics_networks": ["127.0.0.0/8", "::1", "192.0.2.0/24"],
        "metrics_token": "a-token-of-metrics",
    }
    async with served(database, tmp_path, **settings) as tenure, tenure.client(None) as nobody:
        for headers, status in READERS:
            answer = await nobody.get("/metrics", headers=headers)
            assert (headers, answer.status_code) == (headers, status)
            assert status == 200 or "TENURE_METRICS_TOKEN" in answer.json()["error"]


@pytest.mark.fault("F27")
async def test_a_proxy_that_passes_on_nothing_but_the_host_does_not_open_metrics(database: str, tmp_path: Path) -> None:
    async with (
        served(database, tmp_path, public_url="https://lab.example.org") as tenure,
        tenure.client(None) as nobody,
    ):
        assert (await nobody.get("/metrics", headers={"Host": "lab.example.org"})).status_code == 403
        assert (await nobody.get("/metrics")).status_code == 200


@pytest.mark.fault("F27")
async def test_without_a_token_no_token_is_good(tenure: Served) -> None:
    async with tenure.client(None) as nobody:
        for token in ("None", "x"):
            headers = {"X-Forwarded-For": "198.51.100.7", "Authorization": f"Bearer {token}"}
            assert (await nobody.get("/metrics", headers=headers)).status_code == 403
