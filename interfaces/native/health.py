"""/health, /health/ready and /metrics."""

from __future__ import annotations

import asyncio
import hmac
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from domain.errors import NotAllowed
from interfaces.http.identity import bearer_token, client_address
from interfaces.http.local_and_private import is_not_forwarded, is_to_loopback
from interfaces.http.responses import Json
from interfaces.native.deps import HealthCheck, NativeDeps, PartHealth, native_deps

router = APIRouter(tags=["health"])
CHECK_TIMEOUT_S = 4.0


class HealthOut(BaseModel):
    status: str = Field(examples=["ok"])
    service: str = Field(examples=["tenure"])
    version: str
    timestamp: datetime


class PartOut(BaseModel):
    """One part of the system. Further fields differ from part to part."""

    model_config = ConfigDict(extra="allow")

    ok: bool
    error: str = Field("", description="why it is not")


class ReadyOut(HealthOut):
    parts: dict[str, PartOut]


DOWN: dict[int | str, dict[str, Any]] = {503: {"model": ReadyOut, "description": "a part is down"}}


@router.get("/health", response_model=HealthOut)
@router.get("/api/health", response_model=HealthOut)
async def health(request: Request) -> Response:
    """Whether the server answers (V14)."""
    return Json(basics(request, "ok"))


@router.get("/health/ready", response_model=ReadyOut, responses=DOWN)
async def ready(request: Request) -> Response:
    """Whether each part does its work (V15): 503 where one does not; `degraded` where only other regions do not."""
    checks = native_deps(request).health_checks
    results = await asyncio.gather(*(run(check) for check in checks.values()))
    parts = {name: {"ok": part.ok, **part.details} for name, part in zip(checks, results, strict=True)}
    down = [part.needed for part in results if not part.ok]
    status = "unavailable" if any(down) else "degraded" if down else "ok"
    return Json(basics(request, status) | {"parts": parts}, 503 if any(down) else 200)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """For Prometheus: from this machine, from the named networks, or with the token for metrics."""
    require_metrics_reader(request)
    await native_deps(request).update_gauges()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def require_metrics_reader(request: Request) -> None:
    """Raises `NotAllowed` for a client that has no token for metrics and is in none of the networks."""
    deps = native_deps(request)
    headers = request.headers.getlist("authorization")
    if deps.metrics_token and headers:
        if hmac.compare_digest(bearer_token(headers).encode(), deps.metrics_token.encode()):
            return
    elif may_read_metrics(request, deps):
        return
    raise NotAllowed(
        "metrics are open to this server's own machine, to the networks in TENURE_METRICS_NETWORKS, "
        "and to Authorization: Bearer with the token in TENURE_METRICS_TOKEN"
    )


def may_read_metrics(request: Request, deps: NativeDeps) -> bool:
    """Whether the client is in a network that may read metrics.

    A loopback address counts only if nothing forwarded, and if it called a loopback address: a proxy on this machine
    may pass on the Host that its clients call, and no other header.
    """
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback and not (is_not_forwarded(request) and is_to_loopback(request)):
        return False  # a proxy on this machine passes on what anybody sends
    return any(address in network for network in deps.metrics_networks)


async def run(check: HealthCheck) -> PartHealth:
    """The result of one check. A check that fails or takes too long means that its part is down."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check()
    except TimeoutError:
        return PartHealth(False, {"error": "it does not answer in time"})
    except Exception as error:
        return PartHealth(False, {"error": str(error) or type(error).__name__})


def basics(request: Request, status: str) -> dict[str, Any]:
    """The fields that /health and /health/ready share."""
    deps = native_deps(request)
    return {"status": status, "service": "tenure", "version": deps.version, "timestamp": deps.clock()}
