"""streams.md: every stream and socket, with its messages, and example clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.generate.markdown import code, document, first_line, table
from interfaces.app import CONTRACTS
from interfaces.http.asyncapi import name, schemas_of
from interfaces.http.channels import Channel

EXAMPLES = Path(__file__).parents[1] / "examples"
PROTOCOLS = {"ws": "WebSocket", "sse": "Server-Sent Events", "webrtc": "WebRTC data channel"}
INTRODUCTION = """
Every stream and socket, with what is sent over it. A running server publishes the same as an AsyncAPI 3 document, at
`/asyncapi.json`: generators make clients of it, and it has the whole schema of each message. What streams guarantee is
in [Streams](../explanation/streams.md).

Messages are JSON. One over a WebSocket is at most `TENURE_MAX_MESSAGE_BYTES` long; a longer one closes it with 1009. A
WebSocket that may not be opened is refused in the handshake, with a status and a body, except CHROTE's, whose document
has close codes for that.
"""
CLIENTS = {
    "follow_events.py": "The event stream, over Server-Sent Events",
    "watch_events.py": "The event stream, over a WebSocket",
    "connect.py": "A machine's display, over a WebSocket and WebRTC",
}


def page() -> str:
    parts = [INTRODUCTION]
    for contract in CONTRACTS:
        for channel in contract.channels:
            parts += [f"## {channel.name}", *describe(channel)]
    parts += ["## Example clients", "Each is a whole program, with the libraries that Tenure itself has."]
    for file, title in CLIENTS.items():
        parts += [f"### {title}", f"```python file={file}\n{(EXAMPLES / file).read_text()}```"]
    return document("Streams and sockets", *parts)


def describe(channel: Channel) -> Iterator[str]:
    path = re.sub(r":\w+}", "}", channel.address or "")
    address = code(f"{channel.method} {path}") if path else "no address"
    yield f"{PROTOCOLS[channel.protocol]} at {address}. {channel.summary}"
    yield channel.credential
    if channel.query:
        yield table(("parameter of the query", "what for"), ((code(key), text) for key, text in channel.query.items()))
    yield table(("message", "direction", "fields", "what"), messages(channel))
    if channel.closes:
        yield table(("closes with", "when"), ((str(number), text) for number, text in channel.closes.items()))


def messages(channel: Channel) -> Iterator[tuple[str, str, str, str]]:
    for direction, kinds in (("to the client", channel.to_client), ("from the client", channel.from_client)):
        for kind in kinds:
            yield code(name(kind)), direction, fields(kind), first_line(kind.__doc__)


def fields(kind: type) -> str:
    """The fields of a message, each with its values or its type."""
    schemas, references = schemas_of([kind])
    return object_fields(referred(references[kind], schemas), schemas)


def object_fields(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    required = schema.get("required", ())
    return ", ".join(
        f"{code(key)}{'' if key in required else '?'}: {value(part, schemas)}"
        for key, part in schema.get("properties", {}).items()
    )


def value(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """What a field may be, in a few words."""
    schema = referred(schema, schemas)
    if "const" in schema:
        return code(f'"{schema["const"]}"')
    if "enum" in schema:
        return " or ".join(code(f'"{one}"') for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(value(one, schemas) for one in schema["anyOf"])
    if schema.get("properties"):
        return f"{{{object_fields(schema, schemas)}}}"
    if schema.get("type") == "array":
        return f"list of {value(schema['items'], schemas)}"
    return str(schema.get("format") or schema.get("type", "anything"))


def referred(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema that a reference leads to."""
    reference = schema.get("$ref")
    return schemas[reference.rpartition("/")[2]] if reference else schema
