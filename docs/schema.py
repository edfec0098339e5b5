"""``docs/protocol.schema.json``: the frames of protocol.py as a JSON Schema. docs/generate.py writes it."""

from __future__ import annotations

import inspect
import json
from typing import Any

import msgspec

from chatctl import protocol

HEAD = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "chatctl, version 1: the frames",
    "description": (
        "One JSON object a line. #/$defs/client has the frames to the server, #/$defs/server those to the client. "
        "Made from chatctl/protocol.py; what the frames mean is in protocol.md. Fields that are not named here are to "
        "be ignored, and so are types from the server."
    ),
}


def schema_page() -> str:
    """Return the content of the file."""
    unions, frames = msgspec.json.schema_components(
        [protocol.ClientFrame, protocol.ServerFrame], ref_template="#/$defs/{name}"
    )
    client, server = map(_one_of, unions)
    schema = HEAD | {"oneOf": [_ref("client"), _ref("server")], "$defs": {"client": client, "server": server} | frames}
    return json.dumps(_portable(schema), indent=1, ensure_ascii=False) + "\n"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def _one_of(union: dict[str, Any]) -> dict[str, Any]:
    """Return a union without OpenAPI's discriminator: the types are told apart by their ``type``."""
    return {"oneOf": union["anyOf"]}


def _portable(part: Any) -> Any:
    """Return a part of the schema in the words of JSON Schema: ECMAScript has no ``\\Z``, and a page no RST.

    And whatever wrote it: Python 3.13 strips the indentation of docstrings, and msgspec 0.21 puts null before the other
    choices of a field.
    """
    if isinstance(part, dict):
        ported = {key: _portable(value) for key, value in part.items()}
        if "anyOf" in ported:
            ported["anyOf"].sort(key=lambda choice: choice.get("type") == "null")
        return ported
    if isinstance(part, list):
        return [_portable(value) for value in part]
    return inspect.cleandoc(part).replace("\\Z", "$").replace("``", "`") if isinstance(part, str) else part
