"""Settings of tokens and of the keys that sign them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from infra.settings.values import Seconds

MIN_SECRET_CHARS = 32
MAX_TOKEN_S = 3600  # a retired key is kept so long after its last use, for its tokens


def _validate_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET_CHARS:
        raise ValueError(
            f"must have at least {MIN_SECRET_CHARS} characters, such as `openssl rand -base64 32` makes them"
        )
    return value


class TokenSettings(BaseSettings):
    """Tokens, signing keys and sealing.

    Part of `infra.settings.Settings`.
    """

    token_seconds: Annotated[int, Field(ge=1, le=MAX_TOKEN_S)] = Field(
        900, description="seconds that a token made from an API key is good; revoking the key does not end it earlier"
    )
    signing_key_seconds: Seconds = Field(2_592_000, description="seconds after which tokens are signed with a new key")
    sealing_secret: Annotated[SecretStr, AfterValidator(_validate_secret)] | None = Field(
        None,
        description="random text that encrypts secrets in the database; none: one in home, and signing keys stay plain",
    )
