"""The published schema: what FastAPI derives from the routes, and what it cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

BEARER = {"type": "http", "scheme": "bearer", "description": "an API key, or a token that POST /token gave for one"}
IDENTITY = {
    "X-API-Key": "an API key",
    "x-user": "your name, from this machine",
    "X-VM-User": "your name, as a trusted proxy sets it",
}
# Where two models have one name, FastAPI publishes them under the names of their modules. Generated clients name their
# classes after these, so a moved module keeps the name that 0.1 published.
PUBLISHED_NAMES = {
    "interfaces__http__errors__ErrorOut": "interfaces__serve__ErrorOut",
    "interfaces__clarateach__registrations__Registered": "interfaces__clarateach__registering__Registered",
}
REFERENCE = "#/components/schemas/"


class Api(FastAPI):
    """The application, with a schema that says how a caller is identified."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made at the first call."""
        if self.openapi_schema is None:
            schema = with_published_names(super().openapi())
            schemes = {
                name: {"type": "apiKey", "in": "header", "name": name, "description": description}
                for name, description in IDENTITY.items()
            }
            schema["components"]["securitySchemes"] = schemes | {"bearer": BEARER}
            for unused in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(unused, None)
            for path, operations in schema["paths"].items():
                for operation in operations.values():
                    operation["responses"].pop("422", None)  # errors.install answers 400, in the contract's shape
                    if path.startswith("/api/v1/"):
                        operation["security"] = [{name: []} for name in (*IDENTITY, "bearer")]
            self.openapi_schema = schema
        return self.openapi_schema


def with_published_names(schema: dict[str, Any]) -> dict[str, Any]:
    """The document, with the models in `PUBLISHED_NAMES` and the references to them renamed."""
    schemas = schema["components"]["schemas"]
    schema["components"]["schemas"] = {PUBLISHED_NAMES.get(name, name): model for name, model in schemas.items()}
    renamed: dict[str, Any] = rename_references(schema)
    return renamed


def rename_references(node: Any) -> Any:
    """A copy of a part of the document, with its references renamed."""
    if isinstance(node, dict):
        return {key: rename_references(value) for key, value in node.items()}
    if isinstance(node, list):
        return [rename_references(value) for value in node]
    if isinstance(node, str) and node.startswith(REFERENCE):
        name = node.removeprefix(REFERENCE)
        return REFERENCE + PUBLISHED_NAMES.get(name, name)
    return node
