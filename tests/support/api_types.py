"""The types of what the API answers and takes, for the page: ``frontend/types/api.d.ts``.

    cd tests && python -m support.api_types

writes the file anew from the API's own document.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "frontend" / "types" / "api.d.ts"

_HEAD = """// What the API answers and takes, by its OpenAPI document. Made by: cd tests && python -m support.api_types
declare namespace Api {
"""
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def typescript(document: dict[str, Any]) -> str:
    """The schemas of an OpenAPI document as interfaces."""
    lines = [_HEAD]
    for name, schema in document["components"]["schemas"].items():
        lines.append(f"  interface {name} {{\n")
        required = set(schema.get("required", ()))
        for field, value in schema.get("properties", {}).items():
            lines.append(f'    "{field}"{"" if field in required else "?"}: {_type(value)};\n')
        lines.append("  }\n")
    lines.append("}\n")
    return "".join(lines)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for alternatives, joint in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if alternatives in schema:
            return joint.join(dict.fromkeys(_type(each) for each in schema[alternatives]))
    if "enum" in schema:
        return " | ".join("null" if each is None else f'"{each}"' for each in schema["enum"])
    kinds = schema.get("type", "any")
    return " | ".join(_of_kind(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _of_kind(kind: str, schema: dict[str, Any]) -> str:
    if kind == "array":
        return f"({_type(schema['items'])})[]"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"Record<string, {_type(more) if isinstance(more, dict) and more else 'any'}>"
    return _PLAIN.get(kind, "any")


def document_of_the_api(folder: Path) -> dict[str, Any]:
    from support.service import make_service, make_settings

    service = make_service(make_settings(folder, f"sqlite:///{folder / 'types.sqlite3'}"))
    document: dict[str, Any] = service.app.test_client().get("/api/openapi.json").get_json()
    return document


def main() -> None:
    sys.path[:0] = [str(ROOT / "backend")]
    with tempfile.TemporaryDirectory() as name:
        TARGET.write_text(typescript(document_of_the_api(Path(name))), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
