"""The attributes of events: a map of protobuf in requests and answers, JSON in the log."""

import json
from collections.abc import Mapping, MutableMapping

from recstream.v1 import types_pb2 as types
from recstream_server.item_attributes import AttributeScalar, set_attribute


def attributes_text(attributes: Mapping[str, types.AttributeValue]) -> str:
    """JSON of some attributes, each with a value and finite; the same text for the same attributes."""
    plain = {name: _plain(value) for name, value in attributes.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fill_attributes(attributes: MutableMapping[str, types.AttributeValue], text: str) -> None:
    """Add to `attributes` what `attributes_text` wrote; nothing for an empty text."""
    values: dict[str, AttributeScalar] = json.loads(text) if text else {}
    for name, value in values.items():
        set_attribute(attributes[name], value)


def _plain(value: types.AttributeValue) -> AttributeScalar:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return list(value.string_list.values)
