"""All settings: each has the same name as a flag, as a TENURE_ variable and as a key of a TOML file.

`load_settings` reads flags, variables and files; `Settings(...)` reads only its arguments. No other package may read
TENURE_ variables or have defaults of its own.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from infra.settings.errors import BadSetting as BadSetting
from infra.settings.errors import error_sentence
from infra.settings.hosted_sessions import SessionSettings
from infra.settings.machines import MachineSettings
from infra.settings.secret_files import with_files
from infra.settings.sign_in import SignInSettings
from infra.settings.terminals import TerminalSettings
from infra.settings.tokens import TokenSettings
from infra.settings.values import (
    LOOPBACK,
    Bind,
    Count,
    HeaderName,
    HostNames,
    Location,
    Names,
    Networks,
    Origins,
    PublicUrl,
    Seconds,
    TemplateSetting,
    Text,
    ascii_host,
    host_of,
    is_ip,
    is_loopback,
    mask_passwords,
    plain_number,
    split_bind,
    url_of,
)
from infra.settings.vms import VmSettings
from infra.settings.workshops import WorkshopSettings

# Official images that anybody can pull. They would end at once, so they run a sleep: in a shell, which reaps zombies
# and ends on SIGTERM, as `sleep` alone as the first process of a container does not.
SLEEP_COMMAND = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 2147483647 & wait $!; done")
BUILT_IN_IMAGES = {"default": "debian:12", "nodejs": "node:22-bookworm", "python": "python:3.12-bookworm"}


class Settings(
    SignInSettings, TerminalSettings, TokenSettings, MachineSettings, SessionSettings, WorkshopSettings, VmSettings
):
    """The server.

    All settings of one process, checked and frozen.
    """

    model_config = SettingsConfigDict(
        env_prefix="TENURE_", env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    bind: Bind = Field("127.0.0.1:3000", description="address and port that the server listens on")
    worker_bind: Bind | None = Field(
        None,
        description="address and port where a process of the role worker serves /health, /health/ready and /metrics; "
        "none: it serves nothing",
    )
    home: Location = Field(
        Path("~/.tenure"), description="directory of the embedded database, local machines and the secret that seals"
    )
    database_url: Annotated[str, url_of("postgresql", "postgres")] | None = Field(
        None, description="PostgreSQL; none: one of its own, in home"
    )
    redis_url: Annotated[str, url_of("redis", "rediss", "unix")] | None = Field(
        None, description="Redis, which carries push, limits and presence across replicas; none: in process"
    )
    role: Literal["all", "api", "worker"] = Field(
        "all",
        description="what this process does: api serves requests, worker does the work that is due, all does both",
    )
    machines: Literal["auto", "docker", "local"] = Field(
        "auto", description="where workspaces run; auto: Docker where an engine answers, else this machine"
    )
    docker_url: Annotated[str, url_of("unix", "tcp", "http", "https", "ssh")] | None = Field(
        None, description="the Docker engine; none: as DOCKER_HOST and Docker's other variables say"
    )
    public_url: PublicUrl | None = Field(
        None, description="the URL that clients reach the server under, which may have a path; none: made from bind"
    )
    hosts: HostNames = Field(
        (),
        description="names that requests may have in Host, beside those of this machine and of public_url",
    )
    trusted_proxies: Networks = Field(
        LOOPBACK,
        description="peers whose identity header and forwarded addresses count; by default nobody once public_url is "
        "set to another host than loopback",
    )
    identity_header: HeaderName | None = Field(
        None,
        description="the header in which a trusted proxy names the user; none: X-VM-User or X-Forwarded-User, and a "
        "request with two different names in them is refused",
    )
    dev_header: bool | None = Field(
        None, description="accept x-user as a name; none: only while the server is local and private"
    )
    auditors: Names = Field((), description="names in an identity header that may read the whole audit trail")
    default_template: str = Field("default", description="the template of a workspace that names none")
    templates: dict[str, TemplateSetting] = Field(
        default_factory=dict,
        description="what workspaces are made from, beside the built-in templates default, nodejs and python",
    )
    workspace_image: Text | None = Field(
        None,
        description="image for the template default, with a command and SSH on port 22; none: Tenure's own, or Debian",
    )
    provision_patience: Seconds = Field(
        600, description="seconds until a workspace that does not start is given up, of those requested from then on"
    )
    provision_concurrency: Count = Field(
        8, description="machines that one worker makes at the same time, on each engine"
    )
    sweep_seconds: Seconds = Field(60, description="seconds between comparisons of the engines with the log")
    orphan_seconds: Seconds = Field(
        86_400,
        description="seconds that a machine which the log does not know is left alone; a copy of a log removes none",
    )
    warn_seconds: Seconds = Field(
        300, description="seconds before the end of a term that a warning comes; of a short term, a fifth of it"
    )
    max_ttl_seconds: Count = Field(
        31_536_000, description="seconds of the longest term that a workspace can be lent for"
    )
    quotas: bool = Field(True, description="whether quotas limit how much a user may hold; see tenure quotas")
    max_body_bytes: Count = Field(1_048_576, description="bytes of the longest request body that is accepted")
    max_message_bytes: Count = Field(
        16_777_216,
        description="bytes of the longest WebSocket message that is accepted; a longer one closes it with 1009",
    )
    head_seconds: Seconds = Field(
        20, description="seconds that a client may take for the head of a request before it is disconnected"
    )
    stall_seconds: Seconds = Field(
        30,
        description="seconds that a client may send nothing of a body, or take nothing of an answer, before it is "
        "disconnected",
    )
    connections_per_address: Count = Field(
        512,
        description="connections that one address, or one IPv6 network of 64 bits, may have open, and at most half of "
        "what descriptors allow; loopback addresses and trusted_proxies have no such limit",
    )
    metrics_networks: Networks = Field(
        LOOPBACK,
        description="addresses that may read /metrics without a token; loopback addresses only if they "
        "call one, too, and no proxy passed the request on",
    )
    metrics_token: SecretStr | None = Field(
        None, description="a text that opens /metrics to whoever sends it as Authorization: Bearer"
    )
    keepalive_seconds: Seconds = Field(15, description="seconds between comments on a quiet stream")
    reader_queue: Count = Field(
        256, description="messages that a reader of a stream may fall behind before it is cut off"
    )
    replay_limit: Count = Field(
        10_000, description="events replayed to a stream that comes back; one that missed more is told to list anew"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the lowest level that is logged"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="how log lines look; auto: console on a terminal, else json"
    )
    shutdown_seconds: Seconds = Field(10, description="seconds that open requests have to finish when the server stops")
    cors_origins: Origins = Field((), description="origins whose pages may call the API with credentials")
    config: Location | None = Field(None, description="a TOML file with settings and tables")

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # `load_settings` reads the others, to know where each value is from

    @model_validator(mode="before")
    @classmethod
    def _trust_no_unnamed_proxy(cls, values: dict[str, Any]) -> dict[str, Any]:
        # Behind a public URL, loopback is where the proxy speaks from: by default it could name any user.
        if values.get("public_url") and not is_loopback(host_of(str(values["public_url"]))):
            return {"trusted_proxies": (), **values}
        return values

    @model_validator(mode="after")
    def _validate_default_template(self) -> Self:
        if self.default_template not in self.template_names:
            raise ValueError(f"must be one of {', '.join(sorted(self.template_names))}")
        return self

    @property
    def host(self) -> str:
        """The host to listen on."""
        return split_bind(self.bind)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0: any that is free."""
        return int(split_bind(self.bind)[1])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect to the server."""
        return is_loopback(self.host)

    @property
    def exposed_by(self) -> str | None:
        """Why others than the people of this machine may reach the server; None where it is local and private.

        It is local and private while bind and public URL are loopback and no sign-in provider is configured. What a
        request must have beside that is in `interfaces.http.local_and_private`.
        """
        if not self.is_loopback:
            return f"TENURE_BIND is {self.bind}"
        if self.public_url and not is_loopback(self.public_host):
            return f"TENURE_PUBLIC_URL is {self.public_url}"
        if self.sign_in_providers:
            return f"people sign in with {', '.join(self.sign_in_providers)}"
        return None

    @property
    def is_local_and_private(self) -> bool:
        """Whether only the people of this machine use the server."""
        return self.exposed_by is None

    @property
    def url(self) -> str:
        """The URL that clients reach the server under, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "localhost" if is_ip(self.host) and ip_address(self.host).is_unspecified else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The origin (RFC 6454) of the server's own pages."""
        return "/".join(self.url.split("/")[:3])

    @property
    def public_host(self) -> str:
        """The host of the URL that clients reach the server under."""
        return host_of(self.url)

    @property
    def host_names(self) -> frozenset[str]:
        """The names, beside addresses and names of loopback, that requests may have in Host."""
        return frozenset({ascii_host(self.host), self.public_host, *self.hosts})

    @property
    def accepts_dev_header(self) -> bool:
        """Whether the header x-user names the user."""
        return self.is_local_and_private if self.dev_header is None else self.dev_header

    @property
    def template_names(self) -> frozenset[str]:
        """The names of all templates, whether or not an image of theirs was built."""
        return frozenset({*BUILT_IN_IMAGES, *self.templates})


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of this process: flags over environment over `.env` over TOML file over defaults.

    `flags` are values by the setting's name; one that is None counts as absent. Raises `BadSetting`.
    """
    layers = {"flag": {name: value for name, value in (flags or {}).items() if value is not None}}
    fields = Settings.model_fields
    environment = _read_source("the environment", EnvSettingsSource(Settings))
    layers["environment"] = with_files(environment, os.environ, fields, "the environment")
    dotenv = _read_source(".env", lambda: DotEnvSettingsSource(Settings, env_file=Path(".env"))())
    # Docker Compose reads the same file: variables that are no settings are its own.
    dotenv_settings = {name: value for name, value in dotenv.items() if name in fields}
    layers[".env"] = with_files(dotenv_settings, dotenv, fields, ".env")
    config = next((layer["config"] for layer in layers.values() if "config" in layer), None)
    layers["file"] = _read_toml(Path(config).expanduser()) if config else {}

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, layer in reversed(layers.items()):
        values |= layer
        sources |= dict.fromkeys(layer, source)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise BadSetting(error_sentence(error, sources, config, Settings.model_fields)) from None
    settings._sources = sources
    return settings


def explain(settings: Settings) -> list[tuple[str, str, str]]:
    """Return the name of each setting, its value without passwords, and its source.

    Sources are flag, environment, .env, file and default.
    """
    return [
        (name, _render(getattr(settings, name)), settings._sources.get(name, "default"))
        for name in Settings.model_fields
    ]


def _render(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} ({mask_passwords(setting.summary)})" for name, setting in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return plain_number(value) if isinstance(value, float) else mask_passwords(str(value))


def _read_source(where: str, source: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return source()
    except SettingsError as error:
        field = str(error).partition('field "')[2].partition('"')[0]
        raise BadSetting(f"TENURE_{field.upper()} (from {where}) must be JSON.") from None
    except OSError as error:
        raise BadSetting(f"{where} cannot be read: {error.strerror}.") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise BadSetting(f"TENURE_CONFIG names {path}, which cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} is not TOML: {error}.") from None
    if isinstance(values.get("machines"), dict):  # `machines = "docker"` is another setting
        values["machine_configs"] = values.pop("machines")
    return values
