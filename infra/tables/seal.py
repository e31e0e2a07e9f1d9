"""Encrypts secrets in tables, so that a copy of the database does not reveal them."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Seal:
    """Encrypts and authenticates with a secret of the settings. Without a secret, values are stored in plain."""

    def __init__(self, secret: str | None) -> None:
        self._fernet = Fernet(derive_key(secret)) if secret else None

    @property
    def seals(self) -> bool:
        """Whether there is a secret to seal with."""
        return self._fernet is not None

    def close(self, plain: bytes) -> bytes:
        """Return the value to store."""
        return self._fernet.encrypt(plain) if self._fernet else plain

    def open(self, stored: bytes) -> bytes | None:
        """Return the plain value. None if it was sealed with another secret, or is sealed and there is no secret."""
        if self._fernet is None:
            return None if stored.startswith(b"gAAAA") else stored  # every Fernet token begins so
        try:
            return self._fernet.decrypt(stored)
        except InvalidToken:
            return None


def derive_key(secret: str) -> bytes:
    """Return a Fernet key for this text. The text is random, so no slow hash is needed."""
    return urlsafe_b64encode(HKDF(SHA256(), length=32, salt=None, info=b"tenure seal").derive(secret.encode()))
