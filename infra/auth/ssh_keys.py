"""Public keys as people paste them: one SSH key of a kind that is trusted, and nothing beside it."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from domain.errors import Invalid

LONGEST = 8192  # characters; an RSA key of 16,384 bits has 2,800
RSA_BITS = 2048, 16384
TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)


def checked(text: str) -> str:
    """The `PublicKeys` port: the key's type and its base64, without a comment. Options would be no type."""
    text = text.strip(" \t\r\n")
    if not text or len(text) > LONGEST:
        raise Invalid(f"pub_key must be an SSH public key of at most {LONGEST} characters")
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
    if isinstance(key, RSAPublicKey) and not RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
        raise Invalid(f"pub_key has {key.key_size} bits; an RSA key must have at least {RSA_BITS[0]}")
    return f"{kind} {data}"
