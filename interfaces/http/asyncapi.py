"""The AsyncAPI 3.0 document: every stream and socket, made from the channels of the contracts.

OpenAPI cannot describe the messages of a WebSocket, nor those of a stream. Source: https://www.asyncapi.com/docs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from interfaces.http.channels import Channel

SCHEMAS = "#/components/schemas/"
Document = dict[str, Any]
ABOUT = (
    "The streams and sockets of Tenure. In operations, `send` is what the server sends, `receive` what it takes. "
    "/openapi.json describes everything else."
)


def document(channels: Iterable[Channel], version: str, url: str) -> Document:
    """The document of these channels, on the server at this URL."""
    channels = list(channels)
    address, secure = urlsplit(url), url.startswith("https:")
    server = {"host": address.netloc} | ({"pathname": address.path} if address.path else {})
    schemas, references = schemas_of({message for one in channels for message in messages(one)})
    bodies = {one.name: TypeAdapter(one.body).json_schema() for one in channels if one.body}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tenure", "version": version, "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "sockets": server | {"protocol": "wss" if secure else "ws"},
            "streams": server | {"protocol": address.scheme, "description": "Server-Sent Events"},
        },
        "channels": {one.name: channel(one, bodies.get(one.name)) for one in channels},
        "operations": dict(operation for one in channels for operation in operations(one)),
        "components": {
            "messages": {
                name(message): {
                    "name": name(message),
                    "title": (message.__doc__ or name(message)).partition(".")[0],
                    "payload": references[message],
                }
                for message in references
            },
            "schemas": schemas,
        },
    }


def messages(one: Channel) -> tuple[type, ...]:
    """The messages of both directions."""
    return (*one.to_client, *one.from_client)


def name(message: type) -> str:
    """The name of a message."""
    return message.__name__.removesuffix("Json")


def channel(one: Channel, body: Document | None) -> Document:
    """A channel of the document."""
    parameters = re.findall(r"{(\w+)(?::\w+)?}", one.address or "")
    described: Document = {
        "address": re.sub(r":\w+}", "}", one.address) if one.address else None,
        "title": one.name,
        "description": describe(one),
        "messages": {name(m): {"$ref": f"#/components/messages/{name(m)}"} for m in dict.fromkeys(messages(one))},
    }
    if parameters:
        described["parameters"] = {parameter: {"description": f"the {parameter}"} for parameter in parameters}
    if one.protocol != "webrtc":
        described["servers"] = [{"$ref": f"#/servers/{'sockets' if one.protocol == 'ws' else 'streams'}"}]
    query = {
        "type": "object",
        "properties": {key: {"type": "string", "description": text} for key, text in one.query.items()},
    }
    if one.protocol == "ws":
        described["bindings"] = {"ws": {"method": "GET", **({"query": query} if one.query else {})}}
    if body:
        described["x-request-body"] = body
    return described


def describe(one: Channel) -> str:
    """What the channel is for, who may use it, and how it ends."""
    parts = [one.summary, f"Credential: {one.credential}"]
    if one.protocol == "sse":
        query = "; ".join(f"`{key}`: {text}" for key, text in one.query.items())
        parts += [f"Server-Sent Events over {one.method}.", *([f"Query: {query}."] if query else [])]
    if one.subprotocol:
        parts.append(f"Subprotocol: {one.subprotocol}.")
    if one.closes:
        parts.append("Closes with " + "; ".join(f"{code}: {text}" for code, text in one.closes.items()) + ".")
    return " ".join(parts)


def operations(one: Channel) -> Iterable[tuple[str, Document]]:
    """What the server sends on a channel, and what it takes."""
    for action, kinds in (("send", one.to_client), ("receive", one.from_client)):
        if kinds:
            yield (
                f"{one.name}.{action}",
                {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{one.name}"},
                    "messages": [{"$ref": f"#/channels/{one.name}/messages/{name(kind)}"} for kind in kinds],
                },
            )


def schemas_of(kinds: Iterable[type]) -> tuple[Document, dict[type, Document]]:
    """The schemas of these messages and of what they contain, and for each message the reference to its own."""
    ordered = sorted(kinds, key=name)
    schema_of, definitions = TypeAdapter.json_schemas(
        [(name(kind), "serialization", TypeAdapter(kind)) for kind in ordered], ref_template=SCHEMAS + "{model}"
    )
    schemas = dict(definitions.get("$defs", {}))
    references: dict[type, Document] = {}
    for kind in ordered:
        schema = schema_of[name(kind), "serialization"]
        if "$ref" not in schema:
            schemas[kind.__name__] = schema
            schema = {"$ref": SCHEMAS + kind.__name__}
        references[kind] = schema
    return schemas, references
