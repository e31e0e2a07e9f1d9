"""Running a page: its blocks in order, in terminals of its own, on a machine that may be used for something else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import psycopg
import pytest
from docker.errors import APIError, DockerException

from tests.docs.answers import answer_difference
from tests.docs.page import FIRST_TERMINAL, ROOT, Block, Page, read_page, with_ports
from tests.docs.terminals import Failed, FirstTerminal, Terminal
from tests.support.engines import lacking
from tests.support.libvirtd import GUEST, libvirtd
from tests.support.ports import free_port

TENURE_PORT = "3000"  # what `make run` serves on, unless another is set
CONTAINER_LABEL = "tenure.docs"
WORKSPACE_IMAGE = "tenure-workspace:latest"
SERVICE_IMAGES = {"POSTGRES_IMAGE": "tenure-postgres:latest", "REDIS_IMAGE": "tenure-redis:latest"}  # not of a registry
PROGRAMS = Path(sys.executable).parent
SHARED_ENV = ("PATH", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
# `make` without preparing .venv: for tests that run from elsewhere, or where .venv is not up to date.
MAKE = f"""#!/bin/sh
case $1 in
    run) shift; for word; do case $word in ARGS=*) ARGS=${{word#ARGS=}} ;; esac; done
         eval exec {PROGRAMS}/tenure up "$ARGS" ;;
    image) exec bash infra/images/workspace.sh ;;
    *) exec {shutil.which("make")} "$@" ;;
esac
"""


def run_page(name: str) -> list[tuple[str, str]]:
    """Paste every block of a page, and compare what is answered with what the page shows.

    Returns each block of the first terminal with its output.
    """
    page = read_page(name)
    for need in sorted(page.needs):
        require(need)
    # Not below pytest's own folder: PostgreSQL's account has to pass through.
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="tenure-docs-")))
        run = Run(page, scratch, vm_environment(stack) if "libvirt" in page.needs else {})
        try:
            for block in page.blocks:
                run.block(block)
        finally:
            run.close()
        return run.transcript


def require(need: str) -> None:
    """Skip the test where a program is missing, or Docker does not answer or lacks the workspace image."""
    if need == "libvirt":
        return  # `libvirtd` checks what it needs
    if need != "docker":
        if shutil.which(need, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            lacking(need, f"the page needs {need}")
        return
    try:
        client = docker.from_env()
        client.images.get(WORKSPACE_IMAGE)
        client.close()
    except DockerException as error:
        lacking("docker", f"the page needs Docker and the image {WORKSPACE_IMAGE}: {error}")


@cache
def is_prepared() -> bool:
    """Whether `make run` would start Tenure without installing anything before."""
    env = {"PATH": os.environ["PATH"]}
    plan = subprocess.run(["make", "-n", "run"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return plan.returncode == 0 and "Preparing" not in plan.stdout


def vm_environment(stack: ExitStack) -> dict[str, str]:
    """A libvirtd of the page's own, and the cache that the images of virtual machines are in."""
    daemon = stack.enter_context(libvirtd())
    return {"TENURE_LIBVIRT_URI": daemon.uri, "XDG_CACHE_HOME": str(GUEST.parent.parent)}


class Run:
    """One page being run."""

    def __init__(self, page: Page, scratch: Path, more_env: dict[str, str]) -> None:
        self.page, self.name = page, scratch.name
        self.home, self.programs, self.files = scratch / "home", scratch / "programs", scratch / "files"
        for folder in (self.home, self.programs, self.files, scratch / "tmux"):
            folder.mkdir()
        scratch.chmod(0o711)
        self.ports = {port: free_port() for port in dict.fromkeys((TENURE_PORT, *page.ports))}
        self.env = self.environment(scratch) | more_env
        self.terminals: dict[str, Terminal] = {}
        self.first = FirstTerminal(ROOT, self.env, self.files)
        self.output = ""
        self.transcript: list[tuple[str, str]] = []  # what was pasted into the first terminal, and what it printed

    def environment(self, scratch: Path) -> dict[str, str]:
        env = {name: os.environ[name] for name in SHARED_ENV if name in os.environ}
        path = [str(self.programs), str(PROGRAMS), env.get("PATH", ""), "/usr/sbin", "/sbin"]
        if PROGRAMS.parent != ROOT / ".venv" or not is_prepared():
            (self.programs / "make").write_text(MAKE)
            (self.programs / "make").chmod(0o755)
        # Containers that a page starts by hand are marked as its own, so that none is left when the page fails.
        if docker_program := shutil.which("docker"):
            mark = f'run) shift; exec {docker_program} run --label {CONTAINER_LABEL}={scratch.name} "$@" ;;'
            (self.programs / "docker").write_text(
                f'#!/bin/sh\ncase $1 in {mark} *) exec {docker_program} "$@" ;; esac\n'
            )
            (self.programs / "docker").chmod(0o755)
        env |= SERVICE_IMAGES | {
            "PATH": ":".join(path),
            "HOME": str(self.home),
            "TMPDIR": str(self.files),
            "TMUX_TMPDIR": str(scratch / "tmux"),
            "USER": "ann",
            "LOGNAME": "ann",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "TENURE_BIND": f"127.0.0.1:{self.ports[TENURE_PORT]}",
        }
        return env if "docker" in self.page.needs else env | {"TENURE_MACHINES": "local"}

    def block(self, block: Block) -> None:
        if block.not_run:
            return
        try:
            self.paste_or_compare(block, with_ports(block.text, self.ports))
            return
        except Failed as failed:
            message = f"{self.page.name}:{block.line}: {failed}"
        screens = "".join(f"\n--- {one.name}\n{one.screen()[-3000:]}" for one in self.terminals.values())
        pytest.fail(message + screens, pytrace=False)

    def paste_or_compare(self, block: Block, text: str) -> None:
        """Raises `Failed`."""
        if block.file is not None:
            folder = self.files if self.first.folder == ROOT else self.first.folder  # leave no files in the project
            (folder / block.file.replace("~", str(self.home), 1)).write_text(text)
        elif block.is_command and block.terminal == FIRST_TERMINAL:
            self.output = self.first.paste(text)
            self.transcript.append((text, self.output))
        elif block.is_command:
            self.terminal(block.terminal).paste(text)
        elif block.terminal != FIRST_TERMINAL:
            self.terminal(block.terminal).wait_for(text)
        elif difference := answer_difference(block.language, text, self.output):
            raise Failed(difference)

    def terminal(self, name: str) -> Terminal:
        if name not in self.terminals:
            self.terminals[name] = Terminal(name, ROOT, self.env)
        return self.terminals[name]

    def close(self) -> None:
        installation = self.installation()
        self.first.close()
        for terminal in self.terminals.values():
            terminal.close()
        # The reader's own tmux server, and those that local machines leave running.
        sockets = [["-S", str(socket)] for socket in self.home.rglob("tmux.sock")]
        for option in ([], *sockets):
            subprocess.run(["tmux", *option, "kill-server"], env=self.env, capture_output=True, check=False)
        if "docker" in self.page.needs:
            remove_containers(f"{CONTAINER_LABEL}={self.name}")
            if installation:
                remove_containers(f"tenure.installation={installation}")

    def installation(self) -> str | None:
        """The id that marks what the page's Tenure has made on an engine."""
        sockets = self.home / ".tenure" / "postgres"
        with suppress(psycopg.Error), psycopg.connect(f"postgresql://postgres@/tenure?host={sockets}") as conn:
            row = conn.execute("select id from installation").fetchone()
            return str(row[0]) if row else None
        return None


def remove_containers(mark: str) -> None:
    """Remove containers, images and networks with this label from the Docker engine, and nothing else."""
    label = {"label": mark}
    client = docker.from_env()
    for container in client.containers.list(all=True, filters=label, ignore_removed=True):
        try:
            container.remove(force=True, v=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # it is gone, or being removed since it was started with --rm
                raise
    for image in client.images.list(filters=label):
        client.images.remove(image.id, force=True)
    for network in client.networks.list(filters=label):
        network.remove()
    client.close()
