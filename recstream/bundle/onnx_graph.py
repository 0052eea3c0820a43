"""What an ONNX graph may be made of, told from its bytes alone.

A graph is data as long as it computes a bounded number of standard operators on what is in the file. The few fields
of the format that say so are read here, with the field numbers of ``onnx.proto``; that needs protobuf and nothing else.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from recstream.bundle.manifest import ONNX_FILE
from recstream.errors import BundleError

_STANDARD_DOMAINS: Final = frozenset(("", "ai.onnx"))
_UNBOUNDED: Final = frozenset(("Loop",))
_RANDOM: Final = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)
_EXTERNAL: Final = 1

# message: field: (number, kind); the kind is a message, "text" or "number". All fields but numbers and texts repeat or
# may as well: protobuf reads a single one the same way.
_FIELDS: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Model": {"graph": (7, "Graph"), "opset_import": (8, "Opset"), "functions": (25, "Function")},
    "Opset": {"domain": (1, "text")},
    "Function": {"name": (1, "text")},
    "Graph": {"node": (1, "Node"), "initializer": (5, "Tensor"), "sparse_initializer": (15, "Sparse")},
    "Node": {"op_type": (4, "text"), "attribute": (5, "Attribute"), "domain": (7, "text")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "Tensor"),
        "graphs": (11, "Graph"),
        "sparse_tensor": (22, "Sparse"),
        "sparse_tensors": (23, "Sparse"),
    },
    "Sparse": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "Tensor": {"external_data": (13, "Opset"), "data_location": (14, "number")},
}


def check_graph(data: bytes) -> None:
    """Refuse a graph that reaches out of its file, or that cannot be relied on to end or to repeat itself.

    Parameters
    ----------
    data : bytes
        The content of `encoder.onnx`.

    Raises
    ------
    BundleError
        Not ONNX; operators of another domain than ONNX's own, functions, external data, loops without a bound, random
        operators.
    """
    model = _model_class()()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise BundleError(ONNX_FILE, "is not an ONNX model; copy the bundle again") from None
    if not model.graph:
        raise BundleError(ONNX_FILE, "is not an ONNX model: it holds no graph; copy the bundle again")
    if model.functions:
        raise BundleError(ONNX_FILE, "defines functions of its own; inline them (onnx.inliner) and export it again")
    for opset in model.opset_import:
        _check_domain(opset.domain)
    for graph in _graphs(model.graph):
        for node in graph.node:
            _check_node(node)
        for tensor in _tensors(graph):
            if tensor.external_data or tensor.data_location == _EXTERNAL:
                raise BundleError(ONNX_FILE, "keeps numbers in other files; export it with everything in one file")


def _check_domain(domain: str) -> None:
    if domain not in _STANDARD_DOMAINS:
        raise BundleError(
            ONNX_FILE, f"uses operators of the domain {domain[:64]!a}; only those of ONNX itself are accepted"
        )


def _check_node(node: Any) -> None:
    _check_domain(node.domain)
    if node.op_type in _UNBOUNDED:
        raise BundleError(ONNX_FILE, f"uses {node.op_type}, which may never end; export it with Scan, or unrolled")
    if node.op_type in _RANDOM:
        raise BundleError(ONNX_FILE, f"uses {node.op_type}: a user's vector must depend on their history alone")


def _graphs(roots: Any) -> Iterator[Any]:
    for graph in roots:
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                yield from _graphs(attribute.g)
                yield from _graphs(attribute.graphs)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    sparse = list(graph.sparse_initializer)
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.t
            yield from attribute.tensors
            sparse += [*attribute.sparse_tensor, *attribute.sparse_tensors]
    for tensor in sparse:
        yield from tensor.values
        yield from tensor.indices


@cache
def _model_class() -> Any:
    """The message class of a model; fields that are not in `_FIELDS` are skipped."""
    package = "recstream.onnx"
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="recstream/onnx_fields.proto", package=package, syntax="proto2")
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            added = described.field.add(name=name, number=number, label=field.LABEL_OPTIONAL)
            if kind == "text":
                added.type = field.TYPE_STRING
            elif kind == "number":
                added.type = field.TYPE_INT32
            else:
                added.type, added.label = field.TYPE_MESSAGE, field.LABEL_REPEATED
                added.type_name = f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Model"))
