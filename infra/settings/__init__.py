"""Everything that may be set, once: the same name as flag, as TENURE_ variable and as key of a TOML file.

`load` reads the world. `Settings(...)` reads nothing but its arguments, so that a test gets what it says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from application.ports.machines import Template
from infra.settings.errors import sentence
from infra.settings.hosted_sessions import SessionSettings
from infra.settings.machines import MachineSettings
from infra.settings.sign_in import SignInSettings
from infra.settings.terminals import TerminalSettings
from infra.settings.tokens import TokenSettings
from infra.settings.values import (
    LOOPBACK,
    Bind,
    Count,
    Location,
    Networks,
    Origins,
    Seconds,
    TemplateSetting,
    Text,
    Words,
    host_port,
    is_ip,
    masked,
    url_of,
)
from infra.settings.vms import VmSettings
from infra.settings.workshops import WorkshopSettings

# Official images that anybody can pull. They start nothing that stays, so they are told to sleep: in a shell, which
# buries its dead and ends when it is asked to, as `sleep` alone in a container does not.
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 2147483647 & wait $!; done")
IMAGES = {"default": "debian:12", "nodejs": "node:22-bookworm", "python": "python:3.12-bookworm"}


class BadSetting(Exception):
    """A setting that cannot be used. The message is a sentence: which, from where, what it should be."""


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
    public_url: Annotated[str, url_of("http", "https")] | None = Field(
        None, description="the URL that clients reach the server under; none: made from bind"
    )
    trusted_proxies: Networks = Field(LOOPBACK, description="peers whose identity headers and X-Forwarded-For count")
    dev_header: bool | None = Field(
        None, description="accept x-user as a name; none: only while bind is a loopback address"
    )
    auditors: Words = Field((), description="names in an identity header that may read the whole audit trail")
    default_template: str = Field("default", description="the template of a workspace that names none")
    templates: dict[str, TemplateSetting] = Field(
        default_factory=dict,
        description="what workspaces are made from, beside the built-in templates default, nodejs and python",
    )
    workspace_image: Text | None = Field(
        None,
        description="image for the built-in templates, with a command and SSH on port 22; none: Debian, Node, Python",
    )
    provision_patience: Seconds = Field(
        600, description="seconds until a workspace that does not start is given up; not in force yet: always 600"
    )
    provision_concurrency: Count = Field(
        8, description="machines that one worker makes at the same time, on each engine"
    )
    sweep_seconds: Seconds = Field(60, description="seconds between comparisons of the engines with the log")
    warn_seconds: Seconds = Field(
        300, description="seconds before the end of a term that a warning comes; not in force yet: at most 300"
    )
    max_ttl_seconds: Count = Field(
        31_536_000, description="seconds of the longest term that a workspace can be lent for"
    )
    max_body_bytes: Count = Field(1_048_576, description="bytes of the longest request body that is accepted")
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
        return (init_settings,)  # `load` reads the others, and so knows what came from where

    @model_validator(mode="after")
    def _default_is_known(self) -> Self:
        if self.default_template not in self.catalogue:
            raise ValueError(f"must be one of {', '.join(sorted(self.catalogue))}")
        return self

    @property
    def host(self) -> str:
        return host_port(self.bind)[0]

    @property
    def port(self) -> int:
        return int(host_port(self.bind)[1])

    @property
    def is_loopback(self) -> bool:
        """Only this machine can reach what listens here."""
        return ip_address(self.host).is_loopback if is_ip(self.host) else self.host == "localhost"

    @property
    def url(self) -> str:
        """What clients are told, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "localhost" if is_ip(self.host) and ip_address(self.host).is_unspecified else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def origin(self) -> str:
        """That of its own pages."""
        return "/".join(self.url.split("/")[:3])

    @property
    def accepts_dev_header(self) -> bool:
        return self.is_loopback if self.dev_header is None else self.dev_header

    @property
    def dev_login(self) -> bool:
        """A name alone signs in: where only this machine can ask, and no provider could."""
        return self.is_loopback and not self.signs_in

    @property
    def catalogue(self) -> dict[str, Template]:
        """Every template by name: the built-in ones, and over them those that were set."""
        built_in = {name: Template(name, image, SLEEP) for name, image in IMAGES.items()}
        if self.workspace_image:
            built_in = {name: Template(name, self.workspace_image, ports=(22,)) for name in IMAGES}
        return built_in | {name: Template(name, **dict(made)) for name, made in self.templates.items()}


def load(**flags: Any) -> Settings:
    """The settings of this process: flags over environment over `.env` over TOML file over defaults.

    A flag that is `None` was not given. Raises `BadSetting`.
    """
    layers = {"flag": {name: value for name, value in flags.items() if value is not None}}
    layers["environment"] = _read("the environment", EnvSettingsSource(Settings))
    dotenv = _read(".env", lambda: DotEnvSettingsSource(Settings, env_file=Path(".env"))())
    # It is also read by docker compose, whose variables are no settings.
    layers[".env"] = {name: value for name, value in dotenv.items() if name in Settings.model_fields}
    config = next((layer["config"] for layer in layers.values() if "config" in layer), None)
    layers["file"] = _toml(Path(config).expanduser()) if config else {}

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, layer in reversed(layers.items()):
        values |= layer
        sources |= dict.fromkeys(layer, source)
    try:
        settings = Settings(**values)
    except ValidationError as bad:
        raise BadSetting(sentence(bad, sources, config, Settings.model_fields)) from None
    settings._sources = sources
    return settings


def explain(settings: Settings) -> list[tuple[str, str, str]]:
    """Each setting's name, its value without passwords, and where it came from.

    Sources are flag, environment, .env, file and default.
    """
    return [
        (name, _shown(name, getattr(settings, name)), settings._sources.get(name, "default"))
        for name in Settings.model_fields
    ]


def _shown(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return masked(", ".join(f"{key} ({made.told})" for key, made in value.items())) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else masked(str(value))


def _read(where: str, source: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return source()
    except SettingsError as bad:
        field = str(bad).partition('field "')[2].partition('"')[0]
        raise BadSetting(f"TENURE_{field.upper()} (from {where}) must be JSON.") from None
    except OSError as bad:
        raise BadSetting(f"{where} cannot be read: {bad.strerror}.") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(path.read_text())
    except OSError as bad:
        raise BadSetting(f"TENURE_CONFIG names {path}, which cannot be read: {bad.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise BadSetting(f"{path} is not TOML: {bad}.") from None
    if isinstance(said.get("machines"), dict):  # `machines = "docker"` is another setting
        said["machine_configs"] = said.pop("machines")
    return said
