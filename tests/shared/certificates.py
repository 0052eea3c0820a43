"""Certificates in files, made anew for a test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from trustme import CA

from recstream.client import ClientTls

_DAY = timedelta(days=1)


class Certificates:
    """Two authorities, of which the tests trust one, and what they have signed: ``NAME.pem`` and ``NAME.key``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authorities = {"ca": CA(), "other-ca": CA()}
        for name, authority in self._authorities.items():
            authority.cert_pem.write_to_path(self.file(f"{name}.pem"))
        today = datetime.now(UTC)
        self._sign("server")
        self._sign("client")
        self._sign("foreign", authority="other-ca")
        self._sign("expired", days=(today - 2 * _DAY, today - _DAY))
        self._sign("early", days=(today + _DAY, today + 2 * _DAY))

    def file(self, name: str) -> Path:
        return self._folder / name

    def pair(self, name: str) -> tuple[Path, Path]:
        """Certificate and private key."""
        return self.file(f"{name}.pem"), self.file(f"{name}.key")

    def client(self, name: str | None = "client", *, ca: str = "ca") -> ClientTls:
        """What a client with that certificate, or without one, speaks TLS with."""
        certificate, key = (None, None) if name is None else self.pair(name)
        return ClientTls(ca=self.file(f"{ca}.pem"), certificate=certificate, private_key=key)

    def _sign(
        self, name: str, *, authority: str = "ca", days: tuple[datetime | None, datetime | None] = (None, None)
    ) -> None:
        signed = self._authorities[authority].issue_cert(
            "localhost", "127.0.0.1", not_before=days[0], not_after=days[1]
        )
        certificate, key = self.pair(name)
        certificate.write_bytes(b"".join(part.bytes() for part in signed.cert_chain_pems))
        signed.private_key_pem.write_to_path(key)
        key.chmod(0o600)
