"""The published API fits the OpenAPI document that is part of the contract (T47)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import yaml

from tests.contracts.clarateach.teaching import NEW, WORKSHOPS, create_workshop, fine, join, running
from tests.support.server import Served

DOCUMENT: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("openapi.yaml").read_text())
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]
BOUNDS = ("minLength", "maxLength", "minimum", "maximum", "type")


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def plain(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without its null branch: the document's clients leave such fields out."""
    schema = resolved(document, schema)
    for choice in schema.get("anyOf", []):
        if choice.get("type") != "null":
            return schema | resolved(document, choice)
    return schema


def body(document: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    return resolved(document, content["content"]["application/json"]["schema"])


def agree(promised: dict[str, Any], published: dict[str, Any], schema: dict[str, Any], where: str) -> None:
    """Check that the published schema has every promised field with its type, and bounds that are no narrower."""
    promised, published = plain(DOCUMENT, promised), plain(schema, published)
    for bound in BOUNDS:
        if bound in promised and not (bound.startswith("max") and bound not in published):
            published_bound = published.get(bound, "string" if "enum" in published else None)
            assert published_bound == promised[bound], f"{where}: {bound}"
    if "enum" in promised:
        assert published["enum"] == promised["enum"], where
    if promised.get("type") == "array":
        agree(promised["items"], published["items"], schema, f"{where}[]")
    for name, field in promised.get("properties", {}).items():
        assert name in published["properties"], f"{where} lacks {name}"
        agree(field, published["properties"][name], schema, f"{where}.{name}")


@pytest.mark.line("T47")
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_ours_has_every_path_field_and_status_of_theirs(house: Served, path: str, method: str) -> None:
    async with house.client() as client:
        schema = fine(await client.get("/openapi.json"))
    promised, published = DOCUMENT["paths"][path][method], schema["paths"][path][method]
    for status, response in promised["responses"].items():
        assert status in published["responses"], f"{method} {path} {status}"
        if "content" in response:
            agree(
                body(DOCUMENT, response),
                body(schema, published["responses"][status]),
                schema,
                f"{method} {path} {status}",
            )
    if "requestBody" in promised:
        promised_body, published_body = body(DOCUMENT, promised["requestBody"]), body(schema, published["requestBody"])
        assert published_body["required"] == promised_body["required"]
        agree(promised_body, published_body, schema, f"{method} {path}")


test_ours_has_every_path_field_and_status_of_theirs = pytest.mark.asyncio(loop_scope="module")(
    test_ours_has_every_path_field_and_status_of_theirs
)


def holds(path: str, method: str, answer: httpx.Response) -> None:
    """Check that the document has the answer's status and describes its body."""
    responses = DOCUMENT["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, f"{method} {path}: {answer.status_code}"
    if "content" in responses[str(answer.status_code)]:
        schema = body(DOCUMENT, responses[str(answer.status_code)]) | {"components": DOCUMENT["components"]}
        jsonschema_rs.validate(schema, answer.json())


@pytest.mark.line("T47")
async def test_every_answer_is_as_the_document_says(tenure: Served, client: httpx.AsyncClient) -> None:
    holds("/api/health", "get", await client.get("/api/health"))
    holds("/api/workshops", "post", await client.post(WORKSHOPS, json=NEW))
    id = (await create_workshop(client))["id"]
    holds("/api/workshops/{id}/start", "post", await client.post(f"{WORKSHOPS}/{id}/start"))
    workshop = await running(client)
    holds("/api/workshops", "get", await client.get(WORKSHOPS))
    holds("/api/workshops/{id}", "get", await client.get(f"{WORKSHOPS}/{workshop['id']}"))
    holds("/api/workshops/{id}", "get", await client.get(f"{WORKSHOPS}/ws-none22"))
    await join(client, workshop["code"])
    holds("/api/join", "post", await client.post("/api/join", json={"code": workshop["code"]}))
    holds("/api/workshops/{id}/stop", "post", await client.post(f"{WORKSHOPS}/{workshop['id']}/stop"))


@pytest.mark.line("T47")
def test_the_document_names_no_reference_that_is_not_there() -> None:
    text = Path(__file__).with_name("openapi.yaml").read_text()
    assert DOCUMENT["openapi"] == "3.0.3"
    for name in {line.rpartition("/")[2].strip("'\"\n") for line in text.splitlines() if "$ref" in line}:
        assert name in DOCUMENT["components"]["schemas"]
