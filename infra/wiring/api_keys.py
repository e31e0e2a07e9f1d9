"""API keys, and the tokens that are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from psycopg_pool import AsyncConnectionPool

from application.api_keys import ApiKeys
from application.ports.clock import Clock
from infra.auth.jwt import JwtTokens
from infra.settings import Settings
from infra.tables.api_keys import ApiKeyRows
from infra.tables.seal import Seal
from infra.tables.signing_keys import SigningKeys
from infra.wiring.foundation import BackgroundTask, Foundation
from infra.wiring.people import PeopleServices
from interfaces.http.identity import SCHEME


@dataclass(frozen=True)
class ApiKeyServices:
    api_keys: ApiKeys
    rows: ApiKeyRows
    tokens: JwtTokens
    background: Mapping[str, BackgroundTask]


def build_api_keys(base: Foundation, people: PeopleServices) -> ApiKeyServices:
    settings, rows = base.settings, ApiKeyRows(base.pool)
    api_keys = ApiKeys(
        base.platform,
        base.clock,
        uuid4,
        rows,
        base.attempt_limiter,
        people.accounts,
        SCHEME,
        frozenset(settings.auditors),
        base.quotas,
    )
    signing_keys = build_signing_keys(settings, base.pool, base.clock)
    tokens = JwtTokens(signing_keys, base.clock, timedelta(seconds=settings.token_seconds))
    return ApiKeyServices(api_keys, rows, tokens, background={"tokens": tokens.run})


def build_signing_keys(settings: Settings, pool: AsyncConnectionPool[Any], clock: Clock) -> SigningKeys:
    secret = settings.sealing_secret.get_secret_value() if settings.sealing_secret else None
    return SigningKeys(pool, clock, Seal(secret), timedelta(seconds=settings.signing_key_seconds))
