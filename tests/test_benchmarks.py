"""`make bench`: its arithmetic, its built-in client, and a row of its table."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks import load_client
from benchmarks.rows import Figure, Row, quantile
from tests.support.server import Served


def test_a_quantile_is_a_value_that_a_share_does_not_exceed() -> None:
    hundred = [float(n) for n in range(100, 0, -1)]
    assert [quantile(hundred, q) for q in (0.5, 0.99, 1.0)] == [50, 99, 100]
    assert quantile([7.0], 0.01) == 7


def test_a_ratio_needs_both() -> None:
    half = Row("b", "w", Figure(1, "ms"), Figure(2, "ms"))
    assert half.ratio == 0.5
    assert Row("b", "w", None, Figure(2, "ms")).ratio is None
    assert Row("b", "w", Figure(1, "ms")).ratio is None


async def test_the_built_in_client_counts_answers_and_refusals(
    tenure: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    url, body = f"{tenure.url}/api/v1/workspaces", '{"name": "a"}'
    content_type = "content-type: application/json"
    await load_client.main(url, 2, 0.2, body, ["x-user: alice", content_type])
    accepted = json.loads(capsys.readouterr().out)
    await load_client.main(url, 2, 0.2, body, [content_type])
    refused = json.loads(capsys.readouterr().out)
    async with tenure.client() as alice:
        assert len((await alice.get("/api/v1/workspaces")).json()) == accepted["requests"] > 0
    assert (accepted["refused"], accepted["broken"]) == (0, 0)
    assert refused["refused"] == refused["requests"] > 0


@pytest.mark.timeout(120)
async def test_a_row_is_printed_and_written(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(tmp_path / "rows.json"), "loading"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    row, _ = json.loads((tmp_path / "rows.json").read_text())
    assert row["command"] == "make bench ARGS=loading" and row["command"] in output.decode()
    assert row["measured"]["unit"] == "ms" and row["ratio"] > 0


def test_every_bench_can_be_chosen() -> None:
    files = Path(bench.__file__).parent.glob("*.py")
    assert {file.stem for file in files if "\nasync def run(env" in file.read_text()} == set(bench.BENCHES)
