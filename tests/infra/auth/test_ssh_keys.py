"""Which public keys are accepted, and in what form."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.errors import Invalid
from infra.auth.ssh_keys import validate_public_key

PRIVATE: dict[str, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {
    "ed25519": Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}
KEYS = {
    name: private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    for name, private in PRIVATE.items()
}
ED = KEYS["ed25519"]
SECURITY_KEY = b"\0\0\0\x1ask-ssh-ed25519@openssh.com\0\0\0\x20" + b"\x01" * 32 + b"\0\0\0\x04ssh:"


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_is_accepted_without_its_comment(key: str) -> None:
    assert validate_public_key(key) == key
    assert validate_public_key(f"  {key} anna@laptop of hers\r\n") == key


def test_a_key_on_a_security_key_is_accepted() -> None:
    key = f"sk-ssh-ed25519@openssh.com {base64.b64encode(SECURITY_KEY).decode()}"
    assert validate_public_key(f"{key} anna@laptop") == key


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "must be an SSH public key"),
        ("x" * 9000, "at most"),
        (f"{ED}\n{ED}", "one line"),
        (f"{ED}\nPermitOpen all", "one line"),
        (f"{ED}\x00", "one line"),
        (f'command="id" {ED}', "options"),
        (f"no-pty {ED}", "options"),
        (f"cert-authority {ED}", "options"),
        ("ssh-ed25519", "must be an SSH public key"),
        ("ssh-ed25519 !!!", "must be an SSH public key"),
        (ED.replace("ssh-ed25519 ", "ssh-rsa "), "must be an SSH public key"),
        (ED[:-8], "must be an SSH public key"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "must begin with its type"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "must begin with its type"),
    ],
    ids=lambda text: text.partition(" ")[0],  # without the keys, which differ between processes of a run
)
def test_anything_but_one_key_is_refused(text: str, error: str) -> None:
    with pytest.raises(Invalid, match=error):
        validate_public_key(text)


def test_a_key_that_is_too_short_is_refused() -> None:
    short = rsa.generate_private_key(65537, 1024).public_key()
    with pytest.raises(Invalid, match="1024 bits"):
        validate_public_key(short.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


def test_an_untrusted_type_is_refused() -> None:
    old = dsa.generate_private_key(1024).public_key()
    with pytest.raises(Invalid, match="must begin with its type"):
        validate_public_key(old.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
