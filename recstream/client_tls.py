"""With which files a client speaks TLS; for gRPC and for the load client, which has an HTTP/2 of its own."""

import ssl
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from recstream.errors import ConfigurationError

if TYPE_CHECKING:
    import grpc

StrPath: TypeAlias = str | PathLike[str]


@dataclass(frozen=True, kw_only=True)
class ClientTls:
    """Files in PEM; they are read when a connection is made from them.

    Attributes
    ----------
    ca : path
        Certificates that may sign the server's.
    certificate, private_key : path, optional
        What the client shows of itself, where the server asks for it; both or neither.
    """

    ca: StrPath
    certificate: StrPath | None = None
    private_key: StrPath | None = None

    def channel_credentials(self) -> "grpc.ChannelCredentials":
        """For `Client` and `AsyncClient`.

        Raises
        ------
        ConfigurationError
            As `ssl_context`.
        """
        import grpc  # noqa: PLC0415 - the load client goes without

        self.ssl_context()
        certificate, key = (
            None if path is None else Path(path).read_bytes() for path in (self.certificate, self.private_key)
        )
        return grpc.ssl_channel_credentials(Path(self.ca).read_bytes(), key, certificate)

    def ssl_context(self) -> ssl.SSLContext:
        """For HTTP/2 without gRPC.

        Raises
        ------
        ConfigurationError
            A file that cannot be read or is not what it should be, or half of a pair. Names the file.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["h2"])
        self._trust(context)
        if self.certificate is not None and self.private_key is not None:
            self._show(context, self.certificate, self.private_key)
        elif (self.certificate or self.private_key) is not None:
            raise ConfigurationError("TLS: a client certificate goes with its private key; give both or neither")
        return context

    def _trust(self, context: ssl.SSLContext) -> None:
        try:
            context.load_verify_locations(self.ca)
        except ssl.SSLError:
            raise ConfigurationError(f"TLS: {self.ca} holds no certificate; it must be PEM") from None
        except OSError as error:
            raise ConfigurationError(f"TLS: {self.ca} cannot be read: {error.strerror}") from None

    @staticmethod
    def _show(context: ssl.SSLContext, certificate: StrPath, private_key: StrPath) -> None:
        try:
            # With a password of its own, OpenSSL does not ask for one on the terminal.
            context.load_cert_chain(certificate, private_key, password="")
        except ssl.SSLError as error:
            problem = "do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "cannot be used"
            raise ConfigurationError(
                f"TLS: {certificate} and {private_key} {problem}; give a certificate and its private key, PEM "
                "without a password"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"TLS: {certificate} or {private_key} cannot be read: {error.strerror}") from None
