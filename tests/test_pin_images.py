"""Images are pinned by the digests that a real registry has for their tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from tests.support import pin_images
from tests.support.engines import lacking
from tests.support.ports import free_port
from tests.support.registry import Registry, registry

IMAGES = ("postgres:17", "redis:7", "python:3.12-slim")


@pytest.fixture
def images(tmp_path: Path) -> Iterator[Registry]:
    try:
        docker.from_env().ping()
    except DockerException:
        lacking("docker", "no Docker engine answers")
    with registry(tmp_path) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files of the project that name images, none of them pinned."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in pin_images.FILES:
        (folder / name).write_text(re.sub(r"@sha256:[0-9a-f]{64}", "", (pin_images.ROOT / name).read_text()))
    return folder


def move(project: Path, host: str) -> None:
    """Let the files name the images of this registry instead of those of the public one."""
    for name in pin_images.FILES:
        text = (project / name).read_text()
        for image in IMAGES:
            text = re.sub(rf"(:-|SE=){re.escape(image)}", rf"\g<1>{host}/{image}", text)
        (project / name).write_text(text)


def read(project: Path) -> str:
    return "".join((project / name).read_text() for name in pin_images.FILES)


def test_every_image_of_a_registry_gets_the_digest_of_its_tag(images: Registry, project: Path) -> None:
    move(project, images.host)
    digests = {image: images.push(image, f"the first {image}") for image in IMAGES}
    assert pin_images.main(project) == 0
    text = read(project)
    assert f"${{POSTGRES_IMAGE:-{images.host}/postgres:17@{digests['postgres:17']}}}" in text
    assert f"${{REDIS_IMAGE:-{images.host}/redis:7@{digests['redis:7']}}}" in text
    base = f"{images.host}/python:3.12-slim@{digests['python:3.12-slim']}"
    assert f"BASE: ${{TENURE_BASE_IMAGE:-{base}}}" in text and f"ARG BASE={base}\n" in text
    assert text.count("@sha256:") == 4 and "${TENURE_IMAGE:-tenure:latest}" in text


def test_pinning_again_takes_the_newest_of_the_tag_and_the_old_digest_stays_what_it_was(
    images: Registry, project: Path
) -> None:
    move(project, images.host)
    first = {image: images.push(image, f"the first {image}") for image in IMAGES}
    assert pin_images.main(project) == 0
    second = images.push("redis:7", "the second redis:7")
    assert second != first["redis:7"]
    assert pin_images.main(project) == 0
    text = read(project)
    assert f"redis:7@{second}" in text and first["redis:7"] not in text and first["postgres:17"] in text
    client, name = docker.from_env(), f"{images.host}/redis@{first['redis:7']}"
    assert client.images.get_registry_data(name).id == first["redis:7"]


def test_nothing_is_written_where_an_image_cannot_be_had(
    images: Registry, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    move(project, images.host)
    images.push("postgres:17", "postgres")
    before = read(project)
    assert pin_images.main(project) == 1
    assert capsys.readouterr().err.startswith("No image was pinned: ")
    assert read(project) == before


@pytest.mark.parametrize("url", ["a registry", "an engine"])
def test_nothing_is_written_where_nobody_answers(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    if url == "an engine":
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    else:
        move(project, f"127.0.0.1:{free_port()}")
    before = read(project)
    assert pin_images.main(project) == 1
    error = capsys.readouterr().err
    assert error.startswith("No image was pinned: ") and error.endswith("can be reached.\n")
    assert read(project) == before
