"""The check of the locks for known vulnerabilities, against a small database that speaks the OSV API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import audit
from tests.support.audit import NO_ANSWER, NONE, SOME, Pin
from tests.support.ports import free_port


class Database:
    """Vulnerabilities by package, of which one query is answered with one at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.vulnerabilities: dict[Pin, list[dict[str, Any]]] = {}
        self.queries: list[Pin] = []

    def answer_batch(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"results": [self.answer(query) for query in body["queries"]]}

    def answer(self, query: dict[str, Any]) -> dict[str, Any]:
        pin = Pin(query["package"]["ecosystem"], query["package"]["name"], query["version"])
        self.queries.append(pin)
        page, records = int(query.get("page_token", 0)), self.vulnerabilities.get(pin, [])
        if not records:
            return {}
        more = {"next_page_token": str(page + 1)} if page + 1 < len(records) else {}
        return {"vulns": [{"id": records[page]["id"], "modified": "2026-01-01T00:00:00Z"}]} | more

    def record(self, id: str) -> dict[str, Any]:
        return next(one for records in self.vulnerabilities.values() for one in records if one["id"] == id)


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/querybatch"
            self.reply(new.answer_batch(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_GET(self) -> None:
            self.reply(new.record(self.path.removeprefix("/v1/vulns/")))

        def reply(self, body: dict[str, Any]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        new = Database(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield new
        finally:
            server.shutdown()
            thread.join()


def vulnerability(pin: Pin, id: str, **more: Any) -> dict[str, Any]:
    package = {"ecosystem": pin.ecosystem, "name": pin.name}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999.1"}]}]
    return {"id": id, "summary": "a hole", "affected": [{"package": package, "ranges": ranges}]} | more


def locked(name: str) -> Pin:
    """What the project's locks pin of this package."""
    (pin,) = {pin for lock in audit.LOCKS for pin in audit.pins(audit.ROOT / lock) if pin.name == name}
    return pin


def test_every_version_of_every_lock_is_asked_about(osv: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main(["--url", osv.url]) == NONE
    names = {pin.name for pin in osv.queries}
    assert len(names) > 100 and names >= {"fastapi", "pytest", "libvirt-python", "swagger-ui-dist"}
    assert {pin.ecosystem for pin in osv.queries if pin.name == "swagger-ui-dist"} == {"npm"}
    assert capsys.readouterr().out == f"{len(osv.queries)} versions checked; known vulnerabilities: 0.\n"


@pytest.mark.parametrize("name", ["fastapi", "libvirt-python", "swagger-ui-dist"])
def test_a_vulnerability_of_a_locked_version_is_found(
    osv: Database, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pin = locked(name)
    osv.vulnerabilities[pin] = [vulnerability(pin, "GHSA-1", aliases=["CVE-2026-1"])]
    assert audit.main(["--url", osv.url]) == SOME
    first, second, last = capsys.readouterr().out.splitlines()
    assert first == f"{name} {pin.version}  GHSA-1, CVE-2026-1; mended in 999.1"
    assert second == "  a hole" and last.endswith("; known vulnerabilities: 1.")


def test_a_vulnerability_of_another_version_is_none(osv: Database) -> None:
    pin = locked("fastapi")
    osv.vulnerabilities[Pin(pin.ecosystem, pin.name, "0.0.1")] = [vulnerability(pin, "GHSA-1")]
    assert audit.main(["--url", osv.url]) == NONE


def test_all_pages_of_an_answer_are_read_and_what_is_withdrawn_is_left_out(
    osv: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = locked("fastapi")
    withdrawn = vulnerability(pin, "GHSA-1", withdrawn="2026-01-01T00:00:00Z")
    osv.vulnerabilities[pin] = [withdrawn, vulnerability(pin, "GHSA-2"), vulnerability(pin, "GHSA-3")]
    assert audit.main(["--url", osv.url]) == SOME
    printed = capsys.readouterr().out
    assert "GHSA-1" not in printed and "GHSA-2" in printed and "GHSA-3" in printed


def test_a_lock_with_markers_is_checked_for_every_python(osv: Database, tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text('only-old==1.0 ; python_full_version < "3.0" \\\n    --hash=sha256:00\n    # via x\nlater==2.0\n')
    assert audit.main(["--url", osv.url, str(lock)]) == NONE
    assert osv.queries == [Pin("PyPI", "later", "2.0"), Pin("PyPI", "only-old", "1.0")]


def test_a_database_that_does_not_answer_is_no_clean_bill(osv: Database, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    assert audit.main(["--url", address]) == NO_ANSWER
    printed = capsys.readouterr()
    assert printed.err.startswith(f"The locks were not checked: {address} does not answer (") and not printed.out


def test_an_answer_of_something_else_is_no_clean_bill(
    osv: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osv, "answer_batch", lambda body: {"results": []})
    assert audit.main(["--url", osv.url]) == NO_ANSWER
    assert "its answer is not of the OSV API" in capsys.readouterr().err
