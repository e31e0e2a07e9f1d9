"""The services of docker-compose.yml have no rights that they do not need, and work without them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.errors import DockerException, ImageNotFound
from docker.models.containers import Container

from tests.support.engines import lacking
from tests.support.server import WAIT_TIMEOUT_S

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parents[1] / "docker-compose.yml").read_text())[
    "services"
]
IMAGES = {"postgres": "tenure-postgres:latest", "redis": "tenure-redis:latest"}
PASSWORD = "only-for-this-test"
WRITE = {
    "postgres": ["psql", "-h", "127.0.0.1", "-U", "tenure", "tenure", "-c", "create table t as select 1"],
    "redis": ["sh", "-c", "redis-cli set key value && redis-cli save"],
}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_has_a_capability_but_the_worker_which_reads_the_home_of_another_account(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["DAC_OVERRIDE"] if name == "worker" else [])
    assert "privileged" not in service and "network_mode" not in service and "pid" not in service


def test_only_the_worker_is_root_and_has_the_engine() -> None:
    users = {name: service.get("user") for name, service in SERVICES.items()}
    # The API has no `user`: the last one of the Dockerfile counts.
    assert users == {"postgres": "postgres", "redis": "redis", "api": None, "worker": "root"}
    last = (Path(__file__).parents[1] / "Dockerfile").read_text().rpartition("\nUSER ")[2].split()[0]
    assert last == "tenure"
    engine = {name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes"))}
    assert engine == {"worker"}


@pytest.mark.parametrize("name", ["api", "worker"])
def test_the_programs_of_tenure_cannot_be_changed_while_they_run(name: str) -> None:
    assert SERVICES[name]["read_only"] is True and SERVICES[name]["tmpfs"] == ["/tmp"]


@pytest.mark.parametrize("provider", ["GITHUB_CLIENT", "GOOGLE_CLIENT", "OIDC"])
def test_the_settings_of_a_provider_reach_the_service_where_people_sign_in(provider: str) -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text()
    names = {line[1:].partition("=")[0] for line in example.splitlines() if line.startswith(f"#TENURE_{provider}")}
    assert names and names <= SERVICES["api"]["environment"].keys()


@contextmanager
def running(name: str) -> Iterator[Container]:
    """A container with the image of this repository and the rights of the service."""
    service = SERVICES[name]
    environment = service.get("environment", {}) | ({"POSTGRES_PASSWORD": PASSWORD} if name == "postgres" else {})
    try:
        container = docker.from_env().containers.run(
            IMAGES[name],
            detach=True,
            environment=environment,
            **{key: service[key] for key in ("user", "cap_drop", "security_opt")},
        )
    except ImageNotFound:
        lacking("services", f"there is no image {IMAGES[name]}: infra/images/services.sh")
    except DockerException:
        lacking("docker", "no Docker engine answers")
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def wait_until_healthy(container: Container, check: list[str]) -> None:
    deadline = time.monotonic() + WAIT_TIMEOUT_S
    while container.exec_run(check).exit_code:
        container.reload()
        assert container.status == "running" and time.monotonic() < deadline, container.logs().decode()
        time.sleep(0.1)


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_the_database_and_redis_work_with_the_rights_that_they_have(name: str) -> None:
    with running(name) as container:
        wait_until_healthy(container, SERVICES[name]["healthcheck"]["test"][1:])
        answer = container.exec_run(WRITE[name], environment={"PGPASSWORD": PASSWORD})
        assert answer.exit_code == 0, answer.output
        status = container.exec_run(["cat", "/proc/1/status"]).output.decode()
        lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert lines["NoNewPrivs"] == "1" and int(lines["CapBnd"], 16) == 0
        assert lines["Uid"].split()[0] != "0"
