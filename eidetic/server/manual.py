"""The API's description as a page that loads nothing: FastAPI's own comes from a host elsewhere."""

from html import escape
from typing import Any


def describe(schema: dict[str, Any]) -> str:
    """Return an HTML page of an OpenAPI document."""
    parts = []
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            parts.append(_operation(f"{method.upper()} {path}", operation, schema))
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title></head><body><main><h1>{title}</h1>"
        f"<p>{escape(schema['info'].get('description', ''))}</p>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p>'
        f"{''.join(parts)}</main></body></html>"
    )


def _operation(heading: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    rows = [
        (each["name"], each["in"], each["schema"], each.get("description", ""))
        for each in operation.get("parameters", [])
    ]
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        fields = _resolve(body["schema"], schema).get("properties", {})
        rows += [(n, media_type, f, f.get("description", "")) for n, f in fields.items()]
    table = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(where)}</td>"
        f"<td>{escape(_kind(field))}</td><td>{escape(told)}</td></tr>"
        for name, where, field, told in rows
    )
    return (
        f"<section><h2><code>{escape(heading)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<table>{table}</table>" if rows else "")
        + "</section>"
    )


def _resolve(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = field.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schema["components"]["schemas"][name] if name else field
    return found


def _kind(field: dict[str, Any]) -> str:
    """Return a field's type and bounds in a few words."""
    kind = field.get("type") or " or ".join(
        str(each.get("enum") or each.get("type", "")) for each in field.get("anyOf", [])
    )
    bounds = {
        "enum": "one of {}",
        "minimum": "from {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
        "maxLength": "at most {} characters",
        "default": "default {!r}",
    }
    told = [text.format(field[key]) for key, text in bounds.items() if field.get(key) is not None]
    return ", ".join([str(kind), *told])
