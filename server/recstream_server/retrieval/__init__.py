"""How the top K is searched: exactly, or by an approximate index whose proposals the engine rescores."""

from recstream_server.retrieval.protocol import Found, Retrieval

__all__ = ["Found", "Retrieval"]
