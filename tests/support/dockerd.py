"""A Docker engine of a test's own, which it can stop and start: apart from the host's, and without its firewall."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import psutil
from docker.errors import DockerException

from tests.support.engines import lacking

WAIT_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05
BRIDGE_ADDRESS = "10.212.255.1/28"
HOST_BRIDGE = Path("/sys/class/net/docker0")


class Dockerd:
    def __init__(self, home: Path) -> None:
        self.url = f"unix://{home}/docker.sock"
        self._home = home
        self._process: psutil.Popen | None = None
        # The host's engine uses docker0. This one removes docker0 when it starts without a bridge of its own
        # (`--bridge=none`), and when it starts again with address pools of its own (`--default-address-pool`).
        self._bridge = f"tt{os.getpid():x}"

    def start(self) -> None:
        """Start the engine, and wait until it answers."""
        folders = [f"--{name}={self._home / name}" for name in ("data-root", "exec-root")]
        # Rules of a firewall are shared with the host's engine. Ports are published by a program instead.
        alone = ["--iptables=false", "--ip6tables=false", "--ip-masq=false", f"--bridge={self._bridge}"]
        alone += [f"--pidfile={self._home / 'docker.pid'}"]
        subprocess.run(["ip", "link", "add", self._bridge, "type", "bridge"], check=False, capture_output=True)
        subprocess.run(["ip", "address", "add", BRIDGE_ADDRESS, "dev", self._bridge], check=False, capture_output=True)
        with open(self._home / "log", "ab") as log:
            command = ["dockerd", f"--host={self.url}", *folders, *alone]
            self._process = psutil.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + WAIT_TIMEOUT_S
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, self.log_tail()
            time.sleep(POLL_INTERVAL_S)

    def stop(self) -> None:
        """Stop the engine in good order. Its containers end with it."""
        if self._process:
            self._process.terminate()
            self._process.wait(WAIT_TIMEOUT_S)
            self._process = None
        subprocess.run(["ip", "link", "delete", self._bridge], check=False, capture_output=True)

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(self.url, timeout=int(WAIT_TIMEOUT_S))

    def load(self, image: str) -> None:
        """Copy an image from the host's engine."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
            load = ["docker", "--host", self.url, "load"]
            subprocess.run(load, stdin=saving.stdout, check=True, capture_output=True, timeout=WAIT_TIMEOUT_S)

    def log_tail(self) -> str:
        """The last 2000 characters of the engine's log."""
        return (self._home / "log").read_text(errors="replace")[-2000:]

    def _answers(self) -> bool:
        try:
            client = self.client()
        except DockerException:
            return False
        with closing(client):
            return bool(client.ping())


@contextmanager
def dockerd() -> Iterator[Dockerd]:
    """Start an engine without images. Afterwards it and its containers are ended."""
    if not shutil.which("dockerd") or os.geteuid() != 0:
        lacking("docker", "only root starts an engine of its own, with dockerd")
    had_host_bridge = HOST_BRIDGE.exists()
    with TemporaryDirectory(prefix="dockerd-", ignore_cleanup_errors=True) as folder:
        engine = Dockerd(Path(folder))
        try:
            engine.start()
            yield engine
            client = engine.client()
            for container in client.containers.list(all=True):
                container.remove(force=True, v=True)
            for network in client.networks.list(filters={"type": "custom"}):
                network.remove()
            client.close()
        finally:
            engine.stop()
            mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if folder in line]
            for mount in reversed(mounts):
                subprocess.run(["umount", "--lazy", mount], capture_output=True)
    assert HOST_BRIDGE.exists() or not had_host_bridge, "this engine has removed the bridge of the host's engine"
