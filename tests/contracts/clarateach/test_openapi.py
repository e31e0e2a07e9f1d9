"""The OpenAPI document that is part of the contract, and ours (T47)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml

from tests.contracts.clarateach.teaching import NEW, WORKSHOPS, fine, join, made, running
from tests.support.server import Served

DOCUMENT: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("openapi.yaml").read_text())
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
BOUNDS = ("minLength", "maxLength", "minimum", "maximum", "type")


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def plain(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without null, which the document's clients leave out instead."""
    schema = resolved(document, schema)
    for choice in schema.get("anyOf", []):
        if choice.get("type") != "null":
            return schema | resolved(document, choice)
    return schema


def body(document: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    return resolved(document, content["content"]["application/json"]["schema"])


def agree(theirs: dict[str, Any], ours: dict[str, Any], ours_in: dict[str, Any], where: str) -> None:
    """Every field that theirs names is in ours, with its type, and its bounds are no narrower."""
    theirs, ours = plain(DOCUMENT, theirs), plain(ours_in, ours)
    for bound in BOUNDS:
        if bound in theirs and not (bound.startswith("max") and bound not in ours):
            ours_says = ours.get(bound, "string" if "enum" in ours else None)
            assert ours_says == theirs[bound], f"{where}: {bound}"
    if "enum" in theirs:
        assert ours["enum"] == theirs["enum"], where
    if theirs.get("type") == "array":
        agree(theirs["items"], ours["items"], ours_in, f"{where}[]")
    for name, field in theirs.get("properties", {}).items():
        assert name in ours["properties"], f"{where} lacks {name}"
        agree(field, ours["properties"][name], ours_in, f"{where}.{name}")


@pytest.mark.line("T47")
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_ours_has_every_path_field_and_status_of_theirs(house: Served, path: str, method: str) -> None:
    async with house.client() as client:
        ours = fine(await client.get("/openapi.json"))
    there, here = DOCUMENT["paths"][path][method], ours["paths"][path][method]
    for status, said in there["responses"].items():
        assert status in here["responses"], f"{method} {path} {status}"
        if "content" in said:
            agree(body(DOCUMENT, said), body(ours, here["responses"][status]), ours, f"{method} {path} {status}")
    if "requestBody" in there:
        asked, taken = body(DOCUMENT, there["requestBody"]), body(ours, here["requestBody"])
        assert taken["required"] == asked["required"]
        agree(asked, taken, ours, f"{method} {path}")


test_ours_has_every_path_field_and_status_of_theirs = pytest.mark.asyncio(loop_scope="module")(
    test_ours_has_every_path_field_and_status_of_theirs
)


def holds(path: str, method: str, answer: httpx.Response) -> None:
    """The answer is as the document says."""
    said = DOCUMENT["paths"][path][method]["responses"]
    assert str(answer.status_code) in said, f"{method} {path}: {answer.status_code}"
    if "content" in said[str(answer.status_code)]:
        schema = body(DOCUMENT, said[str(answer.status_code)]) | {"components": DOCUMENT["components"]}
        jsonschema_rs.validate(schema, answer.json())


@pytest.mark.line("T47")
async def test_every_answer_is_as_the_document_says(tenure: Served, client: httpx.AsyncClient) -> None:
    holds("/api/health", "get", await client.get("/api/health"))
    holds("/api/workshops", "post", await client.post(WORKSHOPS, json=NEW))
    id = (await made(client))["id"]
    holds("/api/workshops/{id}/start", "post", await client.post(f"{WORKSHOPS}/{id}/start"))
    it = await running(client)
    holds("/api/workshops", "get", await client.get(WORKSHOPS))
    holds("/api/workshops/{id}", "get", await client.get(f"{WORKSHOPS}/{it['id']}"))
    holds("/api/workshops/{id}", "get", await client.get(f"{WORKSHOPS}/ws-none22"))
    await join(client, it["code"])
    holds("/api/join", "post", await client.post("/api/join", json={"code": it["code"]}))
    holds("/api/workshops/{id}/stop", "post", await client.post(f"{WORKSHOPS}/{it['id']}/stop"))


@pytest.mark.line("T47")
def test_the_document_names_no_reference_that_is_not_there() -> None:
    text = Path(__file__).with_name("openapi.yaml").read_text()
    assert DOCUMENT["openapi"] == "3.0.3"
    for name in {line.rpartition("/")[2].strip("'\"\n") for line in text.splitlines() if "$ref" in line}:
        assert name in DOCUMENT["components"]["schemas"]
