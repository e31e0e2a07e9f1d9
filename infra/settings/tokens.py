"""How long tokens and the keys that sign them last."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from infra.settings.values import Seconds

SHORTEST = 32  # characters of a secret that has enough chance in it
LONGEST = 3600  # seconds that a token may last: what was signed with a key is over so long after its last use


def _long(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SHORTEST:
        raise ValueError(f"must have at least {SHORTEST} characters, such as `openssl rand -base64 32` makes them")
    return value


class TokenSettings(BaseSettings):
    """Tokens, signing keys and sealing.

    Part of `infra.settings.Settings`.
    """

    token_seconds: Annotated[int, Field(ge=1, le=LONGEST)] = Field(
        900, description="seconds that a token made from an API key is good; revoking the key does not end it earlier"
    )
    signing_key_seconds: Seconds = Field(2_592_000, description="seconds after which tokens are signed with a new key")
    sealing_secret: Annotated[SecretStr, AfterValidator(_long)] | None = Field(
        None,
        description="random text that encrypts secrets in the database; none: one in home, and signing keys stay plain",
    )
