"""Tokens for seats: RS256, and what the contract says must be in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from application.ports.workshops import Admission
from infra.auth.jwt import Tokens
from infra.tables.signing_keys import WORKSPACE


class SeatJwts:
    """The `SeatTokens` port. `address` is what the contract calls the machine's: that of this server."""

    def __init__(self, tokens: Tokens, address: str) -> None:
        self._tokens, self._address = tokens, address

    async def issue(self, admission: Admission, now: datetime) -> str:
        about = {
            "sub": str(admission.learner_id),
            "workshop_id": admission.workshop,
            "container_id": f"c-{admission.seat:02}",
            "seat": admission.seat,
            "odehash": admission.odehash,
            "vm_ip": self._address,
        }
        return await self._tokens.signed(WORKSPACE, about, now, now + WORKSPACE.longest)

    async def read(self, token: str) -> Admission | None:
        claims: dict[str, Any] | None = await self._tokens.claims(WORKSPACE, token)
        if claims is None:
            return None
        return Admission(claims["workshop_id"], claims["seat"], UUID(claims["sub"]), claims["odehash"])
