"""The context that grpc gives to a handler, of whatever messages."""

from typing import Any, Final, TypeAlias

import grpc

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

END_OF_STREAM: Final[object] = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
