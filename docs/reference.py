"""The pages that are made from the code: configuration.md from the settings, rest-reference.md from the OpenAPI document.

`python -m docs.reference` writes them, beside this file, so that they are read on the forge as on the site; tests/docs/test_reference.py
fails when they are old.
"""

import inspect
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from dashboard.api.openapi import openapi
from pipeline.settings import Settings

FOLDER: Final = Path(__file__).parent
_MADE: Final = "Made by `python -m docs.reference`; not written by hand."


def configuration() -> str:
    text = f"""# Configuration

{_MADE}

A setting is read from, the first that has it:

1. the option of the command, where there is one (`--port 9000`; [all of them](running.md))
2. the environment: `CRYPTOVIZ_PORT=9000`
3. a file of that name in `/run/secrets`: `cryptoviz_port`
4. `.env` in the working directory, as the environment ([`.env.example`](../.env.example) has every one)
5. `cryptoviz.toml` in the working directory: `port = 9000`

All are checked at start. What cannot be used, and any key that is not known in the last two, is said at once, with what would work;
nothing is started then. Lists are written with commas: `CRYPTOVIZ_SYMBOLS=BTC/USDT,ETH/USDT`.
"""
    for group, names in _groups():
        text += f"\n## {group}\n\n| setting, environment | type | default | |\n| --- | --- | --- | --- |\n"
        for name in names:
            field = Settings.model_fields[name]
            cells = (
                f'<a id="{name}"></a>`{name}`<br>`CRYPTOVIZ_{name.upper()}`', _type(field), _default(field), field.description or "",
            )  # fmt: skip
            text += _row(*cells)
    return text


def rest() -> str:
    document = openapi()
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    operations.sort(key=lambda one: _resource(one[0]))
    text = f"""# REST reference

{_MADE} It is the server's own OpenAPI document, at
`/api/v1/openapi.json`, as a page. What holds for all of it (envelope, errors, pages, numbers, times) is in [REST](rest.md); paths begin
with `/api/v1`.

`data` is the field of the envelope. Beside the errors that are named every call may answer 401, 403 and 429 where
[access](access.md) is on, and 503. **Bold** must be given.
"""
    for resource, found in groupby(operations, key=lambda one: _resource(one[0])):
        text += f"\n## {resource}\n"
        for path, method, operation in found:
            text += _operation(path, method, operation)
    text += "\n## What is sent and answered\n"
    schemas = document["components"]["schemas"]
    for name in sorted(schemas.keys() - {"Pagination", "Error"}):
        text += f"\n### {name}\n\n"
        if words := schemas[name].get("description"):
            text += " ".join(words.split()).replace("<", "&lt;") + "\n\n"
        if "properties" not in schemas[name]:
            text += f"Each is {_schema_text(schemas[name]['additionalProperties'])}.\n"
            continue
        text += "| field | type | |\n| --- | --- | --- |\n"
        required = schemas[name].get("required", ())
        for field, schema in schemas[name]["properties"].items():
            default = "" if field in required else _value_text(schema.get("default"))
            text += _row(f"`{field}`", _schema_text(schema), "always" if field in required else f"else {default}")
    return text


def pages() -> dict[str, str]:
    """File in docs/ → what belongs in it."""
    return {"configuration.md": configuration(), "rest-reference.md": rest()}


def _groups() -> Iterator[tuple[str, list[str]]]:
    """The headings that stand as comments among the settings, and what is under each."""
    group = ""
    found: dict[str, list[str]] = {}
    for line in inspect.getsource(Settings).splitlines():
        if heading := re.fullmatch(r"    # (\w+)", line):
            group = heading[1]
        elif (name := re.match(r"    (\w+): ", line)) and name[1] in Settings.model_fields:
            found.setdefault(group, []).append(name[1])
    yield from found.items()


def _type(field: FieldInfo) -> str:
    kind = field.annotation
    bounds = []
    for each in field.metadata:
        if isinstance(each, Ge):
            bounds.append(f"at least {each.ge}")
        if isinstance(each, Gt):
            bounds.append(f"above {each.gt}")
        if isinstance(each, Le):
            bounds.append(f"at most {each.le}")
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if kind is SecretStr:
        return "secret text"
    if get_origin(kind) is tuple:
        return "list"
    name = {"int": "whole number", "float": "number", "Decimal": "number", "str": "text", "Path": "path"}[
        getattr(kind, "__name__", "")
    ]
    return ", ".join((name, *bounds))


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    # So that a long list can be broken.
    return ", ".join(f"`{part}`" for part in text.split(",")) if text else "empty"


def _resource(path: str) -> str:
    return path.split("/")[1]


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    text = f"\n### `{method.upper()} {path}`\n\n{operation['summary']}.\n\n"
    if operation["parameters"]:
        text += "| parameter | type | |\n| --- | --- | --- |\n"
    for one in operation["parameters"]:
        name = f"**`{one['name']}`**" if one["required"] else f"`{one['name']}`"
        text += _row(name, _schema_text(one["schema"]), one["description"])
    if operation["parameters"]:
        text += "\n"
    if "requestBody" in operation:
        text += f"Body: {_schema_text(operation['requestBody']['content']['application/json']['schema'])}.\n\n"
    [(status, good)] = [one for one in operation["responses"].items() if one[0].startswith("2")]
    content = good["content"]
    if "application/json" in content:
        answer = content["application/json"]["schema"]["properties"]
        pages = ", in pages" if "pagination" in answer else ""
        text += f"{status}, `data`: {_schema_text(answer['data'])}{pages}."
    else:
        text += f"{status}: a file."
    errors = [status for status in operation["responses"] if status in ("400", "404")]
    return text + (f" Errors: {', '.join(errors)}." if errors else "") + "\n"


def _schema_text(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower().replace('.', '')})"
    if "anyOf" in schema:
        return " or ".join(map(_schema_text, schema["anyOf"]))
    if "enum" in schema:
        default = f"; {_value_text(schema['default'])} without it" if "default" in schema else ""
        return " ".join(f"`{value}`" for value in schema["enum"]) + default
    if "const" in schema:
        return _value_text(schema["const"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_schema_text(schema['items'])}" if "items" in schema else "list"
    name = {"integer": "whole number", "string": "text", "boolean": "true or false"}.get(kind, kind)
    if schema.get("format") == "date-time":
        name = "time"
    bounds = [
        f"{words} {schema[key]}"
        for key, words in (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "at most"))
        if key in schema
    ]
    if "maxLength" in schema:
        bounds[-1] += " characters"
    if "default" in schema and schema["default"] is not None and kind in ("integer", "number"):
        bounds.append(f"{_value_text(schema['default'])} without it")
    return ", ".join((name, *bounds))


def _value_text(value: object) -> str:
    if isinstance(value, (list, dict)):
        return "empty"
    return {None: "null", True: "true", False: "false", "": '`""`'}.get(value, f"`{value}`")  # type: ignore[call-overload, no-any-return]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
