"""Every setting with its default and meaning, as TOML: `recstream serve --print-config`, and part of docs/server.md."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from recstream_server.settings import Settings


def toml_reference() -> str:
    """The reference: valid TOML once the lines of settings without a default are filled in."""
    scalars = {name: field for name, field in Settings.model_fields.items() if not _is_section(field)}
    lines = [line for name, field in scalars.items() for line in _setting(name, field)]
    for name, field in Settings.model_fields.items():
        if _is_section(field):
            lines += _section(name, field.get_default(call_default_factory=True))
    return "\n".join(lines) + "\n"


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _section(name: str, section: BaseModel) -> Iterator[str]:
    yield ""
    yield f"# {type(section).__doc__}"
    yield f"[{name}]"
    tables = {}
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if isinstance(value, dict):
            tables[key] = value
        else:
            yield from _setting(key, field, value)
    for key, table in tables.items():
        yield ""
        yield from _comment(type(section).model_fields[key])
        yield f"[{name}.{key}]"
        yield from (f"{row} = {_inline(entry)}" for row, entry in table.items())


def _setting(name: str, field: FieldInfo, value: Any = None) -> Iterator[str]:
    yield from _comment(field)
    yield f"{name} = {_toml(value)}" if value is not None else f"# {name} ="


def _comment(field: FieldInfo) -> list[str]:
    return textwrap.wrap(str(field.description), 116, initial_indent="# ", subsequent_indent="# ")


def _inline(entry: BaseModel) -> str:
    pairs = (f"{key} = {_toml(value)}" for key, value in entry if value is not None)
    return f"{{ {', '.join(pairs)} }}"


def _toml(value: Any) -> str:
    # JSON writes numbers, booleans and plain ASCII text as TOML does.
    return json.dumps(value if isinstance(value, bool | int | float) else str(value))
