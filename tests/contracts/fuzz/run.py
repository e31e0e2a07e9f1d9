"""Requests made from the published schema, with valid credentials and ids of things that exist."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from random import Random
from typing import Any, TypeVar

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as openapi_checks

from tests.contracts.fuzz.tally import Operation, Tally
from tests.contracts.fuzz.world import Example, KnownThings
from tests.contracts.streams import streams
from tests.support.server import WAIT_TIMEOUT_S

T = TypeVar("T")
AnyCase = Case[Any]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # what ends things comes last
CHANGES_WORLD = ("PUT /api/v1/quotas", "PATCH /api/v0/admin/config", "DELETE /api/v1/keys")
STREAM_TIMEOUT_S = 0.5  # of silence, after which a stream is left
SETTINGS = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Fuzz:
    """One run against one world, whose event loop is another thread's."""

    things: KnownThings
    loop: asyncio.AbstractEventLoop
    tally: Tally
    examples: int
    stop_at: float  # as `time.monotonic` counts

    def run(self, number: int) -> None:
        """Send requests of every operation that the schema publishes: what reads first, what ends things last."""
        url = self.things.place.url
        document = requests.get(f"{url}/openapi.json", timeout=WAIT_TIMEOUT_S).json()
        operations = self.operations(schemathesis.openapi.from_dict(document))
        for operation in sorted(operations, key=lambda operation: METHODS.index(operation.method.upper())):
            if (begin := time.monotonic()) < self.stop_at:
                self.try_operation(operation, number)
                self.tally.operations[operation.label].seconds += time.monotonic() - begin

    def operations(self, schema: Any) -> list[Any]:
        """All operations of the schema, each with a row in the tally."""
        operations = []
        for result in schema.get_all_operations():
            if isinstance(result, Ok):
                operations.append(result.ok())
                self.tally.operations.setdefault(operations[-1].label, Operation())
            else:
                self.tally.failed(f"the schema is not readable: {result.err()}", "")
        return operations

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def try_operation(self, operation: Any, number: int) -> None:
        """Send one request that should succeed, then `examples` made from the schema."""
        name = operation.label
        row = self.tally.operations[name]
        session = requests.Session()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # only the credentials that we send
        with session:
            self.send(plain_case(operation), Random(0), row, session, is_example=True)
            for mode, share in ((GenerationMode.POSITIVE, 2), (GenerationMode.NEGATIVE, 1)):

                @seed(number)
                @settings(SETTINGS, max_examples=max(1, self.examples * share // 3))
                @given(case=operation.as_strategy(generation_mode=mode), choice=st.integers(0, 2**32))
                def send(case: AnyCase, choice: int) -> None:
                    if time.monotonic() < self.stop_at:
                        self.send(case, Random(choice), row, session)

                try:
                    send()
                except Unsatisfiable:  # no request of this operation is wrong
                    continue
        if name.startswith(CHANGES_WORLD):
            self.wait(self.things.restore())

    def send(
        self, case: AnyCase, random: Random, row: Operation, session: requests.Session, is_example: bool = False
    ) -> None:
        """Send a case about things that exist, and check its answer."""
        name = case.operation.label
        try:
            example = self.wait(self.things.example(name))
            headers = self.wait(self.things.headers(name))
        except Exception as error:  # the world lacks what this operation is about
            self.tally.failed(f"{name}: nothing to ask for: {error!r}"[:300], "")
            return
        name_things(case, example, random, is_example)
        timeout = (WAIT_TIMEOUT_S, STREAM_TIMEOUT_S) if name in streams() else WAIT_TIMEOUT_S
        try:
            response = case.call(self.things.place.url, session, headers, timeout=timeout, allow_redirects=False)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, ValueError):
            row.unsent += 1
            return
        except (requests.exceptions.RequestException, TimeoutError) as error:
            self.tally.failed(f"{name}: {type(error).__name__}: {error}"[:300], case.as_curl_command())
            return
        self.count(case, response)
        if response.status_code < 400:
            self.things.used(name)

    def count(self, case: AnyCase, response: Response) -> None:
        """Count an answer, and keep what is wrong with it."""
        self.tally.operations[case.operation.label].statuses[response.status_code] += 1
        checks = [
            openapi_checks.status_code_conformance,
            openapi_checks.content_type_conformance,
            openapi_checks.response_headers_conformance,
            openapi_checks.response_schema_conformance,
        ]
        if not (response.status_code == 503 and "retry-after" in response.headers):
            checks.append(not_a_server_error)
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.report(case, response, failure)

    def report(self, case: AnyCase, response: Response, failure: Failure) -> None:
        summary = f"{case.operation.label}: {response.status_code}: {failure.title}"
        answer = response.content[:300].decode(errors="replace")
        self.tally.failed(summary, f"{case.as_curl_command()}\n    {failure.message[:300]}\n    {answer}")


def plain_case(operation: Any) -> AnyCase:
    case: AnyCase = operation.Case(media_type="application/json" if operation.body else None)
    return case


def name_things(case: AnyCase, example: Example, random: Random, is_example: bool) -> None:
    """Let a generated case name things that exist: its path for the most part, its body as often as not."""
    if example.path and (is_example or random.random() < 0.8):
        names = {parameter.name for parameter in case.operation.path_parameters}
        case.path_parameters = {name: value for name, value in example.path.items() if name in names}
    if is_example:
        if example.query:
            case.query = dict(example.query)
        if example.body is not None:
            case.body = example.body
        return
    if isinstance(example.body, dict) and isinstance(case.body, dict) and random.random() < 0.6:
        generated = {key: value for key, value in case.body.items() if random.random() < 0.3}
        case.body = example.body | generated
