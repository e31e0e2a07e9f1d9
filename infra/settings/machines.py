"""Settings of machine configurations and regions."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, model_validator
from pydantic_settings import BaseSettings

from application.ports.machines import Template
from application.ports.regions import Region
from domain.errors import Invalid
from domain.machine_config import ACCOUNT
from domain.name import validate_word
from domain.region import LOCAL, default_publish_address, validate_engine
from infra.settings.values import Count, TemplateSetting, url_of


def _validate_name(value: str) -> str:
    try:
        return validate_word(value, "")
    except Invalid:
        raise ValueError("must be a word of small letters, digits and hyphens") from None


def _validate_account(value: str) -> str:
    if not ACCOUNT.fullmatch(value) or value == "root":
        raise ValueError("must be the name of an account, in small letters, and not root")
    return value


Name = Annotated[str, AfterValidator(_validate_name)]


class MachineSetting(TemplateSetting):
    """A machine configuration: a table [machines.NAME] of a TOML file."""

    disk_mb: Count | None = Field(
        None, description="megabytes of disk, where the engine can limit them; none: no limit"
    )
    user: Annotated[str, AfterValidator(_validate_account)] = Field(
        "tenure", description="the account inside the machine that its holder logs in to"
    )


class RegionSetting(BaseModel):
    """A region: a table [regions.NAME] of a TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, url_of("unix", "tcp", "ssh")] | None = Field(
        None, description="the Docker engine; needed in every region but `local`, which must have none"
    )
    host: str = Field("127.0.0.1", description="the name or address that clients reach published ports under")
    publish_on: str | None = Field(
        None, description="the address that ports are published on; none: all, or loopback where host is a loopback"
    )
    tls_ca: FilePath | None = Field(None, description="file of the authority that has signed the engine's certificate")
    tls_cert: FilePath | None = Field(None, description="file of Tenure's own certificate, for tcp://")
    tls_key: FilePath | None = Field(None, description="file of the key to that certificate")

    @model_validator(mode="after")
    def _validate_connection(self) -> Self:
        files = [self.tls_ca, self.tls_cert, self.tls_key]
        if any(files) and not (all(files) and (self.url or "").startswith("tcp://")):
            raise ValueError("must have tls_ca, tls_cert and tls_key together, and a URL that starts with tcp://")
        try:
            url, publish_on = self.url or "unix:///of-this-host", self.publish_on or self.host
            validate_engine({"url": url, "host": self.host, "publish_on": publish_on})
        except Invalid as error:
            raise ValueError(f"cannot be used: {error}") from None
        return self

    @property
    def summary(self) -> str:
        """The region in one word, for `tenure config`."""
        return self.url or self.host

    def region(self, name: str) -> Region:
        """Return the region under this name."""
        tls = (str(self.tls_ca), str(self.tls_cert), str(self.tls_key)) if self.tls_ca else None
        return Region(name, self.url, self.host, self.publish_on or default_publish_address(self.host), tls)


class MachineSettings(BaseSettings):
    """Machines and regions.

    Part of `infra.settings.Settings`.
    """

    machine_configs: dict[Name, MachineSetting] = Field(
        default_factory=dict, description="machine configurations, beside `default`"
    )
    regions: dict[Name, RegionSetting] = Field(
        default_factory=dict, description="regions, beside `local`: a Docker engine each"
    )

    @model_validator(mode="after")
    def _validate_engines(self) -> Self:
        for name, region in self.regions.items():
            if name == LOCAL and region.url:
                raise ValueError("regions.local must have no url: TENURE_DOCKER_URL says which engine that is")
            if name != LOCAL and not region.url:
                raise ValueError(f"regions.{name} must have the url of a Docker engine")
        return self

    @property
    def fixed_configs(self) -> dict[str, Template]:
        """The machine configurations of the settings, which no command can change, by name."""
        return {name: Template(name, **dict(setting)) for name, setting in self.machine_configs.items()}

    @property
    def fixed_regions(self) -> dict[str, Region]:
        """The regions of the settings and the local one, which no command can change, by name."""
        return {LOCAL: Region(LOCAL, None)} | {name: setting.region(name) for name, setting in self.regions.items()}
