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


class Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            schemes = {
                name: {"type": "apiKey", "in": "header", "name": name, "description": says}
                for name, says in IDENTITY.items()
            }
            schema["components"]["securitySchemes"] = schemes | {"bearer": BEARER}
            for unused in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(unused, None)
            for path, operations in schema["paths"].items():
                for operation in operations.values():
                    operation["responses"].pop("422", None)  # it leaves as 400, in the contract's shape
                    if path.startswith("/api/v1/"):
                        operation["security"] = [{name: []} for name in (*IDENTITY, "bearer")]
        assert self.openapi_schema is not None
        return self.openapi_schema
