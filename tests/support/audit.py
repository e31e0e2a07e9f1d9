"""Known vulnerabilities of the versions that the locks pin, from a database with the OSV API.

`python -m tests.support.audit [--url URL] [LOCK…]` lists them; `make audit` does. Its exit status is 0 where none is
known, 1 where one is, and 2 where no database answers, so that nothing is known at all.

The API: https://google.github.io/osv.dev/api/. pip-audit asks the same database, but of a lock for every Python only
for the packages of the one that runs it, a package at a time; and it needs twenty packages of its own.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-runtime.lock", "requirements-vm.lock", "vendor.lock")
URL = "https://api.osv.dev"
PYTHON_PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)
NPM_PIN = re.compile(r"^# (\S+)@(\S+) ", re.MULTILINE)
RESPONSE_TIMEOUT_S = 30.0
MAX_QUERIES = 1000  # in one request
MAX_SUMMARY_CHARS = 100
NONE, SOME, NO_ANSWER = 0, 1, 2  # exit statuses


@dataclass(frozen=True, order=True)
class Pin:
    """One version of one package, and the ecosystem that its name is from."""

    ecosystem: str
    name: str
    version: str


class Match(BaseModel):
    """A vulnerability in the answer to a query."""

    id: str


class Matches(BaseModel):
    """The answer to one query."""

    vulns: list[Match] = []
    next_page_token: str | None = None


class Batch(BaseModel):
    """The answer to many queries, in their order."""

    results: list[Matches]


class Vulnerability(BaseModel):
    """What is read of a record in the OSV format."""

    id: str
    aliases: list[str] = []
    summary: str = ""
    details: str = ""
    withdrawn: str | None = None
    affected: list[dict[str, Any]] = []

    def fixed_versions(self, pin: Pin) -> list[str]:
        """The versions of this package that are mended, as the record names them."""
        ranges = [
            one
            for affected in self.affected
            if affected.get("package", {}).get("name", "").lower() == pin.name.lower()
            for one in affected.get("ranges", [])
            if one.get("type") != "GIT"
        ]
        return [event["fixed"] for one in ranges for event in one.get("events", []) if "fixed" in event]


def pins(lock: Path) -> Iterator[Pin]:
    """The versions that a lock pins: of Python packages, or of the npm package in its first line."""
    text = lock.read_text()
    for ecosystem, pattern in (("PyPI", PYTHON_PIN), ("npm", NPM_PIN)):
        yield from (Pin(ecosystem, name, version) for name, version in pattern.findall(text))


def find_matches(client: httpx.Client, chosen: list[Pin]) -> Iterator[tuple[Pin, str]]:
    """Each pin with the id of each vulnerability that it has. Raises `httpx.HTTPError`, and `ValueError`."""
    queries = [
        (pin, {"package": {"ecosystem": pin.ecosystem, "name": pin.name}, "version": pin.version}) for pin in chosen
    ]
    while queries:
        batch, queries = queries[:MAX_QUERIES], queries[MAX_QUERIES:]
        answer = client.post("/v1/querybatch", json={"queries": [query for _, query in batch]}).raise_for_status()
        for (pin, query), matches in zip(batch, Batch.model_validate_json(answer.content).results, strict=True):
            yield from ((pin, match.id) for match in matches.vulns)
            if matches.next_page_token:
                queries.append((pin, query | {"page_token": matches.next_page_token}))


def find_vulnerabilities(url: str, chosen: list[Pin]) -> list[tuple[Pin, Vulnerability]]:
    """The vulnerabilities of these pins that are not withdrawn. Raises `httpx.HTTPError`, and `ValueError`."""
    with httpx.Client(base_url=url, timeout=RESPONSE_TIMEOUT_S) as client:
        vulnerabilities = []
        for pin, id in find_matches(client, chosen):
            answer = client.get(f"/v1/vulns/{quote(id, safe='')}").raise_for_status()
            vulnerability = Vulnerability.model_validate_json(answer.content)
            if not vulnerability.withdrawn:
                vulnerabilities.append((pin, vulnerability))
        return vulnerabilities


def render(pin: Pin, vulnerability: Vulnerability) -> str:
    """A vulnerability on two lines."""
    names = ", ".join([vulnerability.id, *vulnerability.aliases])
    fixed = ", ".join(vulnerability.fixed_versions(pin)) or "no version yet"
    summary = (vulnerability.summary or vulnerability.details).partition("\n")[0][:MAX_SUMMARY_CHARS]
    return f"{pin.name} {pin.version}  {names}; mended in {fixed}\n  {summary}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make audit", description="Known vulnerabilities of what the locks pin.")
    parser.add_argument("--url", default=URL, help=f"a database with the OSV API, instead of {URL}")
    parser.add_argument("lock", nargs="*", type=Path, default=[ROOT / lock for lock in LOCKS])
    options = parser.parse_args(arguments)
    chosen = sorted({pin for lock in options.lock for pin in pins(lock)})
    try:
        vulnerabilities = find_vulnerabilities(options.url, chosen)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        reason = "its answer is not of the OSV API" if isinstance(error, ValueError) else str(error)
        print(
            f"The locks were not checked: {options.url} does not answer ({reason}).\n"
            "Try again where it can be reached, or name a mirror: make audit ARGS='--url https://…'",
            file=sys.stderr,
        )
        return NO_ANSWER
    for pin, vulnerability in vulnerabilities:
        print(render(pin, vulnerability))
    print(f"{len(chosen)} versions checked; known vulnerabilities: {len(vulnerabilities)}.")
    return SOME if vulnerabilities else NONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
