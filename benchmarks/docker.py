"""Runs Docker's command line, as a bound and to remove containers."""

from __future__ import annotations

import shutil
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE


class CommandFailed(Exception):
    """The command failed; the message is its error output."""


async def docker(*words: str) -> list[str]:
    """Run `docker` with these words and return the words that it prints. Raises `CommandFailed`."""
    if not shutil.which("docker"):
        raise CommandFailed("there is no docker command")
    process = await create_subprocess_exec("docker", *words, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    if process.returncode:
        raise CommandFailed(errors.decode().strip())
    return output.decode().split()


async def missing_requirement(image: str) -> str:
    """Return why no container of this image can run; "" if one can."""
    try:
        await docker("version", "--format", "{{.Server.Version}}")
    except CommandFailed as error:
        return f"no Docker engine answers ({error})"
    try:
        await docker("image", "inspect", "--format", "{{.Id}}", image)
    except CommandFailed:
        return f"there is no image {image}: make image"
    return ""


async def remove_all(installation: str) -> None:
    """Remove the containers and networks of this installation."""
    label = f"label=tenure.installation={installation}"
    if containers := await docker("ps", "--all", "--quiet", "--filter", label):
        await docker("rm", "--force", "--volumes", *containers)
    if networks := await docker("network", "ls", "--quiet", "--filter", label):
        await docker("network", "rm", *networks)
