"""A template holds what its name says, or is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from application.ports.errors import Unavailable
from infra.local.machines import LocalMachines
from infra.settings import Settings
from infra.wiring.templates import OWN_IMAGES, EngineTemplates
from tests.support.engines import DockerEngine, opened
from tests.support.fake_engine import Engine

PROGRAMS = {"python": ["python", "-m", "pip", "--version"], "nodejs": ["node", "--version"]}


class DockerLike(Engine):
    """An engine that says it is Docker, with some images."""

    provider = "docker"

    def __init__(self, *images: str) -> None:
        super().__init__()
        self.images = images

    async def has(self, image: str) -> bool:
        return await self._effect("has", None, lambda: image in self.images)


async def images_of(engine: DockerLike, **settings: Any) -> dict[str, str]:
    templates = await EngineTemplates(Settings(**settings), engine).available(engine)
    return {name: template.image for name, template in templates.items()}


@pytest.mark.fault("F78")
async def test_an_image_that_was_built_is_that_of_its_own_template_alone() -> None:
    official = {"default": "debian:12", "nodejs": "node:22-bookworm", "python": "python:3.12-bookworm"}
    assert await images_of(DockerLike()) == official
    own = OWN_IMAGES["default"]
    assert await images_of(DockerLike(own)) == official | {"default": own}
    assert await images_of(DockerLike(*OWN_IMAGES.values())) == OWN_IMAGES


@pytest.mark.fault("F78")
async def test_with_another_image_only_what_was_built_is_there_beside_it() -> None:
    python = OWN_IMAGES["python"]
    assert await images_of(DockerLike(), workspace_image="ws:1") == {"default": "ws:1"}
    assert await images_of(DockerLike(python), workspace_image="ws:1") == {"default": "ws:1", "python": python}


@pytest.mark.fault("F78")
async def test_a_directory_of_this_host_has_the_programs_that_the_host_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    settings = Settings(templates={"python": {"image": "p:1"}, "small": {"image": "s:1"}})
    machines = LocalMachines(tmp_path, uuid4())

    async def names(settings: Settings) -> set[str]:
        return set(await EngineTemplates(settings, machines).available(machines))

    assert await names(Settings()) == {"default"}
    assert await names(settings) == {"default", "python", "small"}, "what is set is the operator's word"
    program = tmp_path / "bin" / "node"
    program.parent.mkdir()
    program.touch(mode=0o755)
    assert await names(Settings()) == {"default", "nodejs"}
    machines.close()


@pytest.mark.fault("F44")
async def test_an_engine_that_was_away_at_the_start_is_asked_when_it_answers() -> None:
    engine = DockerLike(OWN_IMAGES["default"])
    templates = EngineTemplates(Settings(), engine)
    engine.away = True
    with pytest.raises(Unavailable):
        await templates.available(engine)
    assert (await templates.default()).image == "debian:12"
    engine.away = False
    assert (await templates.available(engine))["default"].image == OWN_IMAGES["default"]
    assert (await templates.default()).image == OWN_IMAGES["default"]


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[DockerEngine]:
    async with opened("docker", tmp_path) as engine:
        assert isinstance(engine, DockerEngine)
        yield engine


@pytest.mark.fault("F78")
@pytest.mark.parametrize("name", sorted(PROGRAMS))
async def test_a_built_template_has_its_program(docker: DockerEngine, name: str) -> None:
    if not await docker.machines.has(OWN_IMAGES[name]):
        pytest.skip(f"there is no {OWN_IMAGES[name]}: infra/images/languages.sh")
    template = (await EngineTemplates(Settings(), docker.machines).available(docker.machines))[name]
    id = uuid4()
    await docker.machines.ensure_running(id, template)
    assert docker.inside(id, *PROGRAMS[name])
