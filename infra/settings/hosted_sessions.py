"""How long hosted sessions last, and how one joins them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.values import Count, Seconds

Header = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9-]{0,63}$")]


class SessionSettings(BaseSettings):
    """Part of `infra.settings.Settings`."""

    session_seconds: Count = Field(86_400, description="seconds that a hosted session lasts, if nobody ends it")
    session_idle_seconds: float = Field(
        14_400,
        ge=0,
        allow_inf_nan=False,
        description="seconds that one may stand empty, with nobody logged in or looking; 0: for ever",
    )
    join_seconds: Seconds = Field(300, description="seconds that somebody waits to be let into a session")
    join_waiting: Count = Field(32, description="people who may wait for one session at the same time")
    joins_per_minute: Count = Field(20, description="times that somebody may ask to join one session, in a minute")
    region_header: Header | None = Field(
        None, description="header in which a trusted proxy says from which region a request comes; none: unknown"
    )
