"""Settings of hosted sessions."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.values import Count, HeaderName, Seconds


class SessionSettings(BaseSettings):
    """Hosted sessions.

    Part of `infra.settings.Settings`.
    """

    session_seconds: Count = Field(86_400, description="seconds that a hosted session lasts if nobody ends it")
    session_idle_seconds: float = Field(
        14_400,
        ge=0,
        allow_inf_nan=False,
        description="seconds without anybody logged in or watching after which a hosted session ends; 0: never",
    )
    join_seconds: Seconds = Field(300, description="seconds after which a request to join a session ends by itself")
    join_waiting: Count = Field(32, description="requests to join one session that may wait at the same time")
    joins_per_minute: Count = Field(20, description="requests to join one session that one user may make in a minute")
    region_header: HeaderName | None = Field(
        None, description="header in which a trusted proxy names the region that a request comes from; none: unknown"
    )
