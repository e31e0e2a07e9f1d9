"""Keeping what is secret in the database unreadable to who has a copy of it."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Seal:
    """Encrypts and authenticates with a secret of the settings. Without one what is kept is kept as it is."""

    def __init__(self, secret: str | None) -> None:
        self._fernet = Fernet(derived(secret)) if secret else None

    @property
    def seals(self) -> bool:
        return self._fernet is not None

    def close(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain) if self._fernet else plain

    def open(self, kept: bytes) -> bytes | None:
        """None if it was not closed with this secret, or was and there is none."""
        if self._fernet is None:
            return None if kept.startswith(b"gAAAA") else kept  # as every Fernet token begins
        try:
            return self._fernet.decrypt(kept)
        except InvalidToken:
            return None


def derived(secret: str) -> bytes:
    """A key from a text that has its chance already, so that no slow hash is needed."""
    return urlsafe_b64encode(HKDF(SHA256(), length=32, salt=None, info=b"tenure seal").derive(secret.encode()))
