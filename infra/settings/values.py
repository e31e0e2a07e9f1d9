"""Types of single settings: how each is parsed and validated.

The message of a `ValueError` continues a sentence that begins with the setting's name: "must be …".
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode


def split_bind(bind: str) -> tuple[str, str]:
    """Return host and port of HOST:PORT, without the brackets of an IPv6 address."""
    host, _, port = bind.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), port


def is_ip(host: str) -> bool:
    """Return whether this is an IPv4 or IPv6 address."""
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach this host: localhost, or a loopback address."""
    return ip_address(host).is_loopback if is_ip(host) else host.lower() == "localhost"


def _validate_bind(value: str) -> str:
    host, port = split_bind(value)
    bracketed = value.startswith("[")
    valid_host = is_ip(host) and bracketed == (":" in host) or re.fullmatch(r"[A-Za-z][A-Za-z0-9.-]*", host)
    if not valid_host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:3000 or [::]:3000")
    return value


def _absolute_path(value: Path) -> Path:
    if value.parts[:1] == ("~",) and not os.environ.get("HOME"):  # services often have none
        value = Path(pwd.getpwuid(os.getuid()).pw_dir, *value.parts[1:])
    return value.expanduser().absolute()


def _split_list(value: Any) -> Any:
    """Return the parts of "a, b", as flags and variables write a list; none of "none"."""
    if not isinstance(value, str):
        return value
    return [] if value.strip() == "none" else [part.strip() for part in value.split(",") if part.strip()]


def _parse_network(value: Any) -> Any:
    try:
        return ip_network(value, strict=False)
    except ValueError:
        raise ValueError("must be IP addresses and networks, such as 127.0.0.1 or 10.0.0.0/8") from None


def _validate_origin(value: str) -> str:
    if not re.fullmatch(r"https?://[^/?#*@\s]+", value):
        raise ValueError("must be origins: scheme and host, such as https://lab.example.org")
    return value


def url_of(*schemes: str) -> AfterValidator:
    """A check that a text is a URL of one of these schemes."""
    return AfterValidator(partial(_url, schemes))


def _url(schemes: tuple[str, ...], value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme not in schemes or not rest:
        raise ValueError(f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}")
    return value


def _validate_public_url(value: str) -> str:
    if not PUBLIC_URL.fullmatch(value):
        raise ValueError("must be a URL such as https://lab.example.org, or https://example.org/lab below a path")
    return value


def _validate_host_name(value: str) -> str:
    if not re.fullmatch(r"[^\s:/?#@\[\]*]+", value) or is_ip(value):
        raise ValueError("must be host names without a port, such as lab.example.org; addresses need not be listed")
    return ascii_host(value)


def ascii_host(name: str) -> str:
    """Return a host name as browsers send it in Host: small letters, without a dot at the end, IDNA in ASCII."""
    with suppress(UnicodeError):  # a name that IDNA does not know is sent as it is
        name = name.encode("idna").decode()
    return name.lower().removesuffix(".")


def host_of(url: str) -> str:
    """Return the host of a URL without its port; "localhost" where it has none."""
    try:
        return ascii_host(urlsplit(url).hostname or "localhost")
    except ValueError:  # half a bracket; the setting's own check refuses the URL
        return "localhost"


@dataclass(frozen=True)
class Form:
    """The form of a value, for the reference page. It validates nothing."""

    text: str


Bind = Annotated[str, AfterValidator(_validate_bind), Form("HOST:PORT")]
Location = Annotated[Path, AfterValidator(_absolute_path), Form("path")]
Network = IPv4Network | IPv6Network
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(_parse_network)], ...],
    NoDecode,
    BeforeValidator(_split_list),
    Form("list of addresses and networks"),
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_validate_origin)], ...],
    NoDecode,
    BeforeValidator(_split_list),
    Form("list of origins"),
]
HostNames = Annotated[
    tuple[Annotated[str, AfterValidator(_validate_host_name)], ...],
    NoDecode,
    BeforeValidator(_split_list),
    Form("list of host names"),
]
PublicUrl = Annotated[str, AfterValidator(_validate_public_url), Form("URL that starts with http:// or https://")]
HeaderName = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9-]{0,63}$"), Form("name of a header")]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list), Form("list of names")]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Command = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda v: shlex.split(v) if isinstance(v, str) else v),
    Form("words of a shell, or a list of words"),
]

# Scheme, host and port; then a path without escapes, since proxies differ in how they pass those on.
PUBLIC_URL = re.compile(r"https?://[^/?#@\s]+(?:/[A-Za-z0-9._~-]+)*/?")
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class TemplateSetting(BaseModel):
    """A template: a table [templates.NAME] of a TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Text = Field(description="the image's name, such as debian:12")
    command: Command | None = Field(None, description="what the container runs; none: the image's own command")
    memory_mb: Annotated[int, Field(ge=16)] = Field(1024, description="megabytes of memory")
    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(1.0, description="CPUs, also parts of one")
    pids: Count = Field(512, description="processes and threads at the same time")
    disk_mb: Annotated[int, Field(ge=16)] | None = Field(
        None, description="megabytes of disk, where the engine's storage can limit it; none: no limit"
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field((), description="TCP ports that are published")

    @property
    def summary(self) -> str:
        """The template in one word, for `tenure config`."""
        return self.image


USERINFO = re.compile(r"://[^:]*?:(.*)@", re.DOTALL)
PARAMETER = re.compile(r"[?&;#\s]([^?&;#=\s]*)=(?=([^&]*))")
SECRET_PARAMETER = re.compile(r"pass|pwd|secret|token|key|auth|credential|sig", re.IGNORECASE)


def mask_passwords(url: str) -> str:
    """Return a URL with *** in place of its password and of parameters that are secret.

    A password may have any characters, also those that belong into a URL only encoded: what is between the first colon
    and the last @ counts as one. So a path with an @ may be masked, too.
    """
    secrets = [match.span(1) for match in USERINFO.finditer(url)]
    secrets += [one.span(2) for one in PARAMETER.finditer(url) if SECRET_PARAMETER.search(unquote(one[1]))]
    masked, end = "", 0
    for first, last in sorted(secrets):
        if first >= end:
            masked += f"{url[end:first]}***"
        end = max(end, last)
    return masked + url[end:]


def plain_number(value: float) -> str:
    """Return the number without an exponent and without zeros at its end: 2592000, 0.5."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
