"""The engine's own command line, as the bound and for tidying up."""

from __future__ import annotations

import shutil
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE


class Refused(Exception):
    """What the command said."""


async def docker(*words: str) -> list[str]:
    """The lines that it prints. Raises `Refused`."""
    if not shutil.which("docker"):
        raise Refused("there is no docker command")
    process = await create_subprocess_exec("docker", *words, stdout=PIPE, stderr=PIPE)
    said, complained = await process.communicate()
    if process.returncode:
        raise Refused(complained.decode().strip())
    return said.decode().split()


async def lacking(image: str) -> str:
    """Why nothing can be run from this image; "" if it can."""
    try:
        await docker("version", "--format", "{{.Server.Version}}")
    except Refused as no:
        return f"no Docker engine answers ({no})"
    try:
        await docker("image", "inspect", "--format", "{{.Id}}", image)
    except Refused:
        return f"there is no image {image}: make image"
    return ""


async def tidy(installation: str) -> None:
    """Remove whatever of this installation is left."""
    label = f"label=tenure.installation={installation}"
    if left := await docker("ps", "--all", "--quiet", "--filter", label):
        await docker("rm", "--force", "--volumes", *left)
    if networks := await docker("network", "ls", "--quiet", "--filter", label):
        await docker("network", "rm", *networks)
