"""HOST:PORT, as settings and the command line give it."""

import ipaddress
from typing import Any, NamedTuple

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class ListenAddress(NamedTuple):
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        """``HOST:PORT``, with brackets around an IPv6 host."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; a name other than localhost is not looked up; it counts as no."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def parse(cls, text: object) -> "ListenAddress":
        """Read ``HOST:PORT``.

        Raises
        ------
        ValueError
            Anything else.
        """
        if isinstance(text, cls):
            return text
        host, colon, port = text.rpartition(":") if isinstance(text, str) else ("", "", "")
        bracketed = host.startswith("[") and host.endswith("]")
        if not (
            colon
            and port.isascii()
            and port.isdigit()
            and int(port) < 2**16
            and host
            and (bracketed or ":" not in host)
        ):
            raise ValueError(
                "must be HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:50051 or [::1]:50051"
            )
        return cls(host[1:-1] if bracketed else host, int(port))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let settings take it as text."""
        return core_schema.no_info_plain_validator_function(cls.parse)
