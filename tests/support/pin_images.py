"""Pins the images of docker-compose.yml and the Dockerfile by digest: `make pin`, where the registries can be reached.

Each image that is named by a tag gets the digest that the tag has now, `postgres:17@sha256:…`. One that has a digest
gets the newest of its tag. The engine asks the registry for it (DistributionInspect in the Docker Engine API), so that
nothing is pulled, and the login of `docker login` counts. A digest of a tag is the one of all its platforms.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import docker
from docker.errors import APIError, DockerException, NotFound

ROOT = Path(__file__).parents[2]
DIGEST = r"(?:@sha256:[0-9a-f]{64})?"
# The default of a variable such as POSTGRES_IMAGE. TENURE_IMAGE is built on this machine, and is in no registry.
IN_COMPOSE = re.compile(r"(\$\{(?!TENURE_IMAGE:)\w+_IMAGE:-)([^@}\s]+)" + DIGEST + r"(?=\})")
IN_DOCKERFILE = re.compile(r"^(ARG BASE=)([^@\s]+)" + DIGEST + "$", re.MULTILINE)
FILES = {"docker-compose.yml": IN_COMPOSE, "Dockerfile": IN_DOCKERFILE}

ReadDigest = Callable[[str], str]


def pinned(text: str, pattern: re.Pattern[str], read_digest: ReadDigest) -> str:
    """The text of a file whose images have the digests that their tags have now."""
    return pattern.sub(lambda match: f"{match[1]}{match[2]}@{read_digest(match[2])}", text)


def main(folder: Path) -> int:
    """Write the digests into the files of this folder. Returns 1, and changes nothing, where one cannot be had."""
    digests: dict[str, str] = {}

    def read_digest(image: str) -> str:
        if image not in digests:
            digests[image] = client.images.get_registry_data(image).id
            print(f"{image}@{digests[image]}")
        return digests[image]

    try:
        client = docker.from_env()
        texts = {
            folder / name: pinned((folder / name).read_text(), pattern, read_digest) for name, pattern in FILES.items()
        }
    except NotFound as error:
        return refuse(f"a registry does not have an image: {error.explanation}")
    except APIError as error:
        return refuse(f"a registry does not answer: {error.explanation}")
    except DockerException as error:
        return refuse(f"no Docker engine answers: {error}")
    for path, text in texts.items():
        path.write_text(text)
    print("They are in docker-compose.yml and in the Dockerfile; commit both.")
    return 0


def refuse(reason: str) -> int:
    print(f"No image was pinned: {reason}. Run this where the registries can be reached.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(ROOT))
