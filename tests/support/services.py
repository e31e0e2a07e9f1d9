"""PostgreSQL and Redis servers that one test owns, and can stop, freeze and restart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import docker
import psycopg
import redis.asyncio as redis_client
from docker.errors import DockerException, ImageNotFound
from redis.exceptions import RedisError
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from infra.postgres import embedded as embedded_postgres
from infra.postgres import postmaster
from tests.support.engines import lacking
from tests.support.ports import free_port

testcontainers_config.ryuk_disabled = True  # its helper would have to be pulled; our containers are removed below
POSTGRES, REDIS = "tenure-postgres:latest", "tenure-redis:latest"


class Database(Protocol):
    url: str

    async def goes(self) -> None:
        """Stop answering. Returns when it no longer answers."""
        ...

    async def comes_back(self) -> None:
        """Answer again, with all stored data. Returns when it answers."""
        ...


class Embedded:
    """PostgreSQL as a process that is shut down cleanly and started again."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.url = embedded_postgres.start(home)

    async def goes(self) -> None:
        running = postmaster.find(self._home / "postgres")
        assert running is not None
        await asyncio.to_thread(postmaster.end, running)

    async def comes_back(self) -> None:
        await asyncio.to_thread(embedded_postgres.start, self._home)

    def close(self) -> None:
        embedded_postgres.stop(self._home)


class Contained:
    """PostgreSQL in a container that is killed and started, or frozen: then connections are not even refused."""

    def __init__(self, container: Any, url: str, freeze: bool) -> None:
        self._container, self.url, self._freeze = container, url, freeze

    async def goes(self) -> None:
        await asyncio.to_thread(self._container.pause if self._freeze else self._container.kill)

    async def comes_back(self) -> None:
        await asyncio.to_thread(self._container.unpause if self._freeze else self._container.start)
        await answers(self.url)


async def answers(url: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await (await psycopg.AsyncConnection.connect(url, connect_timeout=5)).close()
                return
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)


@contextmanager
def container(image: str, port: int, **env: str) -> Iterator[tuple[Any, int]]:
    """A running one, and the loopback port that leads to its port: the same one after it was stopped and started.

    Skips the test where there is no engine, or fails it where there must be one.
    """
    try:
        docker.from_env().images.get(image)
    except ImageNotFound:
        lacking("docker", f"there is no image {image}: infra/images/services.sh")
    except DockerException:
        lacking("docker", "no Docker engine answers")
    published = free_port()
    lent = DockerContainer(image).with_envs(**env)
    lent.ports[f"{port}/tcp"] = ("127.0.0.1", published)  # type: ignore[assignment]  # as the SDK beneath takes it
    with lent as started:
        yield started.get_wrapped_container(), published


@contextmanager
def postgres(kind: str, home: Path) -> Iterator[Database]:
    """`kind`: "ended" for a process that is ended, "killed" or "frozen" for a container."""
    if kind == "ended":
        embedded = Embedded(home)
        try:
            yield embedded
        finally:
            embedded.close()
        return
    with container(POSTGRES, 5432, POSTGRES_PASSWORD="of-a-test") as (lent, port):
        yield Contained(lent, f"postgresql://postgres:of-a-test@127.0.0.1:{port}/postgres", kind == "frozen")


class Redis:
    """Killed and started again, it has forgotten everything: it keeps nothing that matters."""

    def __init__(self, container: Any, port: int) -> None:
        self._container, self.url = container, f"redis://127.0.0.1:{port}/0"

    async def goes(self) -> None:
        await asyncio.to_thread(self._container.kill)

    async def comes_back(self) -> None:
        await asyncio.to_thread(self._container.start)
        await self.answers()

    async def answers(self) -> None:
        client = redis_client.from_url(self.url)
        async with asyncio.timeout(60):
            while True:
                try:
                    await client.ping()
                    break
                except RedisError:
                    await asyncio.sleep(0.05)
        await client.aclose()


@contextmanager
def redis() -> Iterator[Redis]:
    with container(REDIS, 6379) as (lent, port):
        yield Redis(lent, port)
