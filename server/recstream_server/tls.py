"""What TLS needs: files that are read and tried out at start, so that no client finds out what is wrong with them."""

import ssl
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import grpc
import structlog

from recstream.errors import ConfigurationError
from recstream_server.settings import TlsSettings

_LOGGER = structlog.get_logger(__name__)


class TlsFiles(NamedTuple):
    """PEM that was tried out."""

    certificate_chain: bytes
    private_key: bytes
    client_ca: bytes | None

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a server that asks for a client's certificate if there is somebody to sign them."""
        return grpc.ssl_server_credentials(
            [(self.private_key, self.certificate_chain)],
            root_certificates=self.client_ca,
            require_client_auth=self.client_ca is not None,
        )


def load_tls(settings: TlsSettings) -> TlsFiles | None:
    """Read the files; None without any.

    Raises
    ------
    ConfigurationError
        A file that cannot be read or is not what it should be, a key of another certificate, a certificate that is not
        valid today. Names the setting.
    """
    chain, key = settings.certificate_chain, settings.private_key
    if chain is None or key is None:
        return None
    client_ca = settings.client_ca
    files = TlsFiles(
        _read("certificate_chain", chain),
        _read("private_key", key),
        None if client_ca is None else _read("client_ca", client_ca),
    )
    valid_until = _try_out(chain, key)
    if client_ca is not None:
        _check_client_ca(client_ca)
    if key.stat().st_mode & stat.S_IROTH:
        _LOGGER.warning("private_key_readable_by_all", file=str(key), remedy=f"chmod o-r {key}")
    _LOGGER.info("tls", certificate_valid_until=valid_until, client_certificates=client_ca is not None)
    return files


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"tls.{name}: {path} cannot be read: {error.strerror}") from None


def _try_out(chain: Path, key: Path) -> str:
    """Shake hands with a client that trusts just this certificate; until when it is valid."""
    client = _trusting("certificate_chain", chain)
    # The server's own certificate will do: its roots are the clients' affair.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.check_hostname = False
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # With a password of its own, OpenSSL does not ask for one on the terminal.
        server.load_cert_chain(chain, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = f"is not the key of the first certificate in {chain}; give the one it was made with"
        else:
            problem = "holds no private key that can be read; it must be PEM, without a password"
        raise ConfigurationError(f"tls.private_key: {key} {problem}") from None
    try:
        return _handshake(client, server)
    except ssl.SSLCertVerificationError as error:
        raise ConfigurationError(
            f"tls.certificate_chain: {chain}: {error.verify_message}; give one that is valid today"
        ) from None
    except ssl.SSLError as error:
        raise ConfigurationError(f"tls.certificate_chain: {chain} does not serve: {error.reason}") from None


def _trusting(name: str, path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise ConfigurationError(f"tls.{name}: {path} holds no certificate; it must be PEM") from None
    return context


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> str:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    sides = [caller, server.wrap_bio(to_server, to_client, server_side=True)]
    while sides:
        for side in list(sides):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
                sides.remove(side)
    return str((caller.getpeercert() or {})["notAfter"])


def _check_client_ca(path: Path) -> None:
    authorities = _trusting("client_ca", path).get_ca_certs()
    if authorities and all(ssl.cert_time_to_seconds(str(one["notAfter"])) < time.time() for one in authorities):
        raise ConfigurationError(f"tls.client_ca: every certificate in {path} has expired; renew it")
