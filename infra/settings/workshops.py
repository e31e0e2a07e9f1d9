"""Settings of workshops."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.values import Count, Seconds


class WorkshopSettings(BaseSettings):
    """Workshops.

    Part of `infra.settings.Settings`.
    """

    workshop_seconds: Seconds = Field(28_800, description="seconds that a workshop runs unless it is extended")
    workshop_template: str | None = Field(None, description="the template of a seat's machine; none: default_template")
    portal_auth: Literal["open", "required"] | None = Field(
        None,
        description="whether instructors must sign in; none: open while the server is local and private, else required",
    )
    workshops_per_hour: Count = Field(10, description="workshops that one address may create in an hour")
    joins_per_hour: Count = Field(60, description="joins that one address may make in an hour")
    requests_per_hour: Count = Field(
        1000, description="other requests about workshops that one address may make in an hour"
    )
    max_file_bytes: Count = Field(
        1_500_000_000, description="bytes of the longest request body that writes a file of a seat"
    )

    @property
    def rate_limits(self) -> dict[str, int]:
        """How many requests one address may make in an hour, by the kind of request."""
        return {"create": self.workshops_per_hour, "join": self.joins_per_hour, "other": self.requests_per_hour}
