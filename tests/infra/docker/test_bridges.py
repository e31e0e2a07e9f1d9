"""The networks of machines, as the routes of the host show them: none of them is ever a trusted proxy."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from infra.docker.bridges import own_networks, parse_ipv6_routes, parse_routes
from tests.contracts.asking import WORKSPACES
from tests.support.engines import TEMPLATE, DockerEngine, Engine, opened
from tests.support.server import served

pytestmark = pytest.mark.fault("F9")

ROOT = Path(__file__).parents[3]
ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tenure-c3b53a92\t00001DAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tenure-1f2e3d4c\t0010A8C0\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0
"""
IPV6_ROUTES = """\
fd000000000000000000000000000000 40 {0} 00 {0} 00000100 00000001 00000000 00000001     eth0
fd3a0000000000010000000000000000 40 {0} 00 {0} 00000100 00000001 00000000 00000001 tenure-c3b53a92
""".format("0" * 32)


@pytest.fixture
async def docker(tmp_path: Path) -> AsyncIterator[Engine]:
    async with opened("docker", tmp_path) as engine:
        yield engine


def test_the_networks_behind_own_bridges_are_read() -> None:
    assert list(parse_routes(ROUTES)) == [ip_network("172.29.0.0/16"), ip_network("192.168.16.0/20")]
    assert list(parse_ipv6_routes(IPV6_ROUTES)) == [ip_network("fd3a:0:0:1::/64")]


def test_compose_trusts_one_address_of_its_own_network() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    (pool,) = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))["networks"]["default"]["ipam"]["config"]
    assert ip_address(pool["gateway"]) in ip_network(pool["subnet"])
    examples = re.findall(r"^#TENURE_TRUSTED_PROXIES=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(examples) == {"127.0.0.1", pool["gateway"]}


async def test_a_machine_on_docker_is_no_trusted_proxy(database: str, tmp_path: Path, docker: Engine) -> None:
    assert isinstance(docker, DockerEngine)
    id = uuid4()
    await docker.machines.ensure_running(id, TEMPLATE)
    details = docker.client.containers.get(f"tenure-{id}").attrs["NetworkSettings"]["Networks"]
    (network,) = details.values()
    assert any(ip_address(network["IPAddress"]) in own for own in own_networks())

    settings: dict[str, Any] = {"trusted_proxies": f"127.0.0.0/8, {network['IPAddress']}/12", "bind": "0.0.0.0:3000"}
    async with served(database, tmp_path, listen_on="0.0.0.0", **settings) as tenure:
        port = tenure.url.rpartition(":")[2]
        ask = f"GET {WORKSPACES} HTTP/1.0\\r\\nHost: {network['Gateway']}\\r\\nX-VM-User: eve\\r\\n\\r\\n"
        script = f"exec 3<>/dev/tcp/{network['Gateway']}/{port}; printf '{ask}' >&3; head -1 <&3"
        answer = await asyncio.to_thread(docker.inside, id, "bash", "-c", script)
        assert answer.split()[1] == b"401"
        async with tenure.client(None, **{"X-VM-User": "ann"}) as proxy:
            assert (await proxy.get(WORKSPACES)).status_code == 200
    await docker.machines.ensure_gone(id)
