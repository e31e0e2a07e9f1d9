"""Secrets in URLs are masked, whatever the URL looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import BadSetting, load_settings
from infra.settings.values import mask_passwords

pytestmark = pytest.mark.fault("F26")
SECRET = "s3cr3t"
# What a password may have though a URL should have it encoded, and what may stand around it.
AROUND = st.text("/?#@:;&=%[]{}|\\^~!$'()*+, \"<>aZ0.-_é\n", max_size=8)
SCHEMES = st.sampled_from(["redis", "rediss", "unix", "postgresql", "postgres", "http", "https", "ssh", "tcp"])
HOSTS = st.sampled_from(["h", "db.example.org:5432", "[::1]:6379/0", "h1,h2/db?sslmode=require", "/var/run/redis.sock"])
NAMES = st.sampled_from(
    ["password", "sslpassword", "PASSWORD", "pass%77ord", "token", "access_token", "api_key", "secret"]
)


@given(SCHEMES, st.text("abc@.%", max_size=6), AROUND, AROUND, HOSTS)
def test_a_password_before_the_host_is_masked(scheme: str, user: str, before: str, after: str, host: str) -> None:
    masked = mask_passwords(f"{scheme}://{user}:{before}{SECRET}{after}@{host}")
    assert SECRET not in masked and "***" in masked
    assert masked.startswith(f"{scheme}://")


@given(SCHEMES, HOSTS, NAMES, st.sampled_from("?&"), AROUND.filter(lambda text: "&" not in text))
def test_a_secret_parameter_is_masked(scheme: str, host: str, name: str, mark: str, before: str) -> None:
    masked = mask_passwords(f"{scheme}://{host}?a=b{mark}{name}={before}{SECRET}&z=1")
    assert SECRET not in masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("redis://u:pw/with/slash@h", "redis://u:***@h"),
        ("redis://:pw@h:6379/0", "redis://:***@h:6379/0"),
        ("postgresql://me@example.org:p@ss@db/t", "postgresql://me@example.org:***@db/t"),
        (
            "postgresql://db/t?user=me&password=a&sslmode=require",
            "postgresql://db/t?user=me&password=***&sslmode=require",
        ),
        ("ssh://docker@host:22", "ssh://docker@host:22"),
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("https://lab.example.org:8443/realms/a", "https://lab.example.org:8443/realms/a"),
        ("debian:12", "debian:12"),
    ],
)
def test_what_is_no_secret_is_shown(url: str, masked: str) -> None:
    assert mask_passwords(url) == masked


@pytest.mark.parametrize("url", ["u:s3cr3t@h", "redis:u:s3cr3t@h", "http://u:a/s3cr3t@h", "mysql://h/?password=s3cr3t"])
def test_a_value_that_is_refused_is_masked_in_the_sentence(url: str) -> None:
    with pytest.raises(BadSetting) as refusal:
        load_settings({"redis_url": url})
    assert SECRET not in str(refusal.value)
