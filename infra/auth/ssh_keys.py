"""Validates SSH public keys as people paste them: one key of a trusted type, without options."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from domain.errors import Invalid

MAX_KEY_CHARS = 8192  # an RSA key of 16,384 bits has 2,800
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 16384
TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)


def validate_public_key(text: str) -> str:
    """The `PublicKeys` port: return the key's type and base64, without its comment. Raises `Invalid`.

    Options before the type (`command="…"`) are refused: they would be carried out at a login.
    """
    text = text.strip(" \t\r\n")
    if not text or len(text) > MAX_KEY_CHARS:
        raise Invalid(f"pub_key must be an SSH public key of at most {MAX_KEY_CHARS} characters")
    if not text.isascii() and not text.isprintable() or any(ord(c) < 32 and c != "\t" or ord(c) == 127 for c in text):
        raise Invalid("pub_key must be one line")
    kind, _, rest = text.partition(" ")
    if kind not in TYPES:
        raise Invalid(f"pub_key must begin with its type, without options before it: one of {', '.join(TYPES)}")
    data = rest.split()[0] if rest.split() else ""
    try:
        key = load_ssh_public_key(f"{kind} {data}".encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("pub_key must be an SSH public key, as ssh-keygen writes it into a .pub file") from None
    if isinstance(key, RSAPublicKey) and not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise Invalid(f"pub_key has {key.key_size} bits; an RSA key must have at least {MIN_RSA_BITS}")
    return f"{kind} {data}"
