"""An image registry on loopback, with a folder of its own."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from tests.support.engines import lacking
from tests.support.ports import free_port
from tests.support.server import WAIT_TIMEOUT_S

MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json"


class Registry:
    """A running registry. Images are `HOST/NAME:TAG`."""

    def __init__(self, host: str) -> None:
        self.host = host

    def push(self, image: str, content: str) -> str:
        """Push a tiny image with this content under `NAME:TAG`, and return the digest that the registry has for it."""
        name, tag = f"{self.host}/{image}".rsplit(":", 1)
        client = docker.from_env()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("content")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content.encode()))
        client.api.import_image_from_data(archive.getvalue(), repository=name, tag=tag)
        try:
            printed = client.images.push(name, tag=tag)
            assert "error" not in printed, printed
        finally:
            client.images.remove(f"{name}:{tag}", force=True)
        return self.digest(image)

    def digest(self, image: str) -> str:
        name, tag = image.rsplit(":", 1)
        request = urllib.request.Request(f"http://{self.host}/v2/{name}/manifests/{tag}", headers={"Accept": MANIFESTS})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
            return str(answer.headers["Docker-Content-Digest"])


@contextmanager
def registry(home: Path) -> Iterator[Registry]:
    """A registry while the block runs. Skips the test where the program is missing."""
    if not (program := shutil.which("docker-registry")):
        lacking("registry", "there is no docker-registry: apt install docker-registry")
    assert program
    host = f"127.0.0.1:{free_port()}"
    settings = home / "registry.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {home / 'images'}}}}}"
    settings.write_text(f"version: 0.1\n{storage}\nhttp: {{addr: '{host}'}}\nlog: {{level: error}}\n")
    with subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until_ready(process, host)
            yield Registry(host)
        finally:
            process.terminate()


def wait_until_ready(process: subprocess.Popen[bytes], host: str) -> None:
    """Wait until the registry's port is open."""
    deadline, (address, port) = time.monotonic() + WAIT_TIMEOUT_S, host.split(":")
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((address, int(port)), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the registry does not start; exit status {process.poll()}")
