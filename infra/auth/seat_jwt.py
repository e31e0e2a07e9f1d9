"""Seat tokens: JWTs signed with RS256, with the claims that the contract requires."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from application.ports.workshops import Admission
from infra.auth.jwt import JwtTokens, expiry_of
from infra.tables.signing_keys import WORKSPACE


class SeatJwts:
    """The `SeatTokens` port. `address` is this server's; the contract calls it the machine's (`vm_ip`)."""

    def __init__(self, tokens: JwtTokens, address: str) -> None:
        self._tokens, self._address = tokens, address

    async def issue(self, admission: Admission, now: datetime) -> str:
        """Return a new token. Raises `Unavailable`."""
        claims = {
            "sub": str(admission.learner_id),
            "workshop_id": admission.workshop,
            "container_id": f"c-{admission.seat:02}",
            "seat": admission.seat,
            "odehash": admission.odehash,
            "vm_ip": self._address,
        }
        return await self._tokens.sign(WORKSPACE, claims, now, now + WORKSPACE.max_lifetime)

    async def read(self, token: str) -> Admission | None:
        """Return the contents of a valid token; None for any other."""
        claims = await self._tokens.verify_claims(WORKSPACE, token)
        if claims is None:
            return None
        learner_id = UUID(claims["sub"])
        return Admission(claims["workshop_id"], claims["seat"], learner_id, claims["odehash"], expiry_of(claims))
