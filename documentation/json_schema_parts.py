"""Objects of a JSON Schema or of OpenAPI as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from documentation.markdown_parts import choices, code, linked, table

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "pattern": "as `{}`",
}


def type_words(schema: Mapping[str, Any]) -> str:
    """Return what a value may be, in words of one cell; objects with a name are links to their section."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            words = f"[{name}](#{name.lower()})"
        case {"const": value}:
            words = code(_literal(value))
        case {"enum": values}:
            words = choices(map(_literal, values))
        case {"anyOf": parts} | {"oneOf": parts} | {"allOf": parts}:
            words = " or ".join(dict.fromkeys(map(type_words, parts)))
        case {"type": list(kinds)}:
            words = " or ".join(kinds)
        case {"type": "array"}:
            words = f"list of {type_words(schema.get('items', {}))}"
        case {"type": "object", "additionalProperties": dict(more)} if more:
            words = f"object of {type_words(more)}"
        case _:
            words = str(schema.get("type", "anything"))
    return words


def _literal(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def bounds_words(schema: Mapping[str, Any]) -> str:
    """Return what a value is held to, as words."""
    parts = [schema, *schema.get("anyOf", ())]
    found = [words.format(part[key]) for part in parts for key, words in _BOUNDS.items() if key in part]
    return ", ".join(dict.fromkeys(found))


def default_words(schema: Mapping[str, Any]) -> str:
    """Return a default as JSON, the empty text where there is none."""
    if "default" not in schema:
        return ""
    value = schema["default"]
    if isinstance(value, str):
        return code(f'"{value}"')
    return (
        code(_literal(value))
        if not isinstance(value, list | dict) or value
        else code("[]" if value == [] else "{}")
    )


def object_lines(
    name: str, schema: Mapping[str, Any], level: int, texts: Mapping[str, str] | None = None
) -> list[str]:
    """Return the section of one object: its description and a line for each of its properties.

    Args:
        name: of the object, the section's title.
        schema: its JSON Schema.
        level: of the title.
        texts: property → what it means, where the schema says nothing of it.
    """
    texts = texts or {}
    lines = [f"{'#' * level} {name}", ""]
    if schema.get("description"):
        lines += [linked(" ".join(schema["description"].split())), ""]
    if "properties" not in schema:
        return [
            *lines,
            f"One of {type_words(schema)}." if "enum" in schema else f"A {type_words(schema)}.",
            "",
        ]
    required = schema.get("required", ())
    rows = []
    for field, part in schema["properties"].items():
        meaning = [part.get("description") or texts.get(field, ""), bounds_words(part)]
        default = "required" if field in required else default_words(part)
        rows.append((code(field), type_words(part), default, linked("; ".join(filter(None, meaning)))))
    return [*lines, *table(("field", "type", "default", "meaning"), rows)]
