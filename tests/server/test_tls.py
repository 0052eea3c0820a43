"""TLS on both fronts: who gets in and who does not, and what is said at start about files that will not do."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import grpc
import pytest
from certificates import Certificates
from cryptography.hazmat.primitives import serialization
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from recstream_server.settings import TlsSettings
from recstream_server.settings_sources import load_settings
from recstream_server.tls import load_tls
from structlog.testing import capture_logs

from recstream import Client
from recstream.client import ClientTls
from recstream.errors import ConfigurationError, UnavailableError

FRONTS = ["python"] if find_spec("recstream._transport") is None else ["python", "native"]
RECSTREAM = Path(sys.executable).with_name("recstream")
Fixture = Callable[..., Any]
Rpcs = list[tuple[str, Any]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def start(
    bundle_path: Path, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, server_process: Fixture
) -> Fixture:
    """A server with TLS on a front, with more arguments where given."""
    chain, key = map(str, certificates.pair("server"))

    def start(front: str, *arguments: str) -> Any:
        state = str(tmp_path_factory.mktemp("state"))
        tls = ("--tls-cert", chain, "--tls-key", key, "--transport", front, *arguments)
        return server_process("--bundle", str(bundle_path), "--state", state, *tls)

    return start


@pytest.fixture(scope="module", params=FRONTS)
def mutual(request: pytest.FixtureRequest, start: Fixture, certificates: Certificates) -> Any:
    """On each front, a server that wants certificates of its clients."""
    return start(request.param, "--tls-client-ca", str(certificates.file("ca.pem")))


def channel(target: str, tls: ClientTls | None) -> grpc.Channel:
    """A connection of its own; none of an earlier one is used again."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    if tls is None:
        return grpc.insecure_channel(target, options=options)
    return grpc.secure_channel(target, tls.channel_credentials(), options=options)


def reflected(target: str, tls: ClientTls) -> list[str]:
    """The paths of all RPCs, the server's own account."""
    with channel(target, tls) as connection:
        database = ProtoReflectionDescriptorDatabase(connection)
        files = {name: database.FindFileContainingSymbol(name) for name in database.get_services()}
        return [
            f"/{name}/{method.name}"
            for name, file in files.items()
            for service in file.service
            if f"{file.package}.{service.name}" == name
            for method in service.method
        ]


def begin(target: str, tls: ClientTls | None, path: str) -> grpc.StatusCode | None:
    """Call an RPC with an empty message; how the call ended before an answer began, None when an answer began."""
    with channel(target, tls) as connection:
        call = connection.stream_stream(path)(iter([b""]), timeout=20)
        try:
            call.initial_metadata()
            return None if call.is_active() or call.code() != grpc.StatusCode.UNAVAILABLE else call.code()
        finally:
            call.cancel()


def test_every_rpc_is_for_clients_with_a_certificate_only(mutual: Any, certificates: Certificates) -> None:
    right = certificates.client()
    paths = reflected(mutual.target, right)
    assert len(paths) >= 15
    strangers = {
        "no certificate": certificates.client(None),
        "plain text": None,
        "signed by another": certificates.client("foreign"),
        "expired": certificates.client("expired"),
        "not valid yet": certificates.client("early"),
    }
    for path in paths:
        assert begin(mutual.target, right, path) is None, path
        for who, tls in strangers.items():
            assert begin(mutual.target, tls, path) == grpc.StatusCode.UNAVAILABLE, (path, who)


def test_calls_and_streams_work(mutual: Any, certificates: Certificates) -> None:
    with Client(mutual.target, credentials=certificates.client().channel_credentials()) as client:
        acknowledged = client.write_user_event(user_id="tls", item_id="item-1", event_type="click")
        answer = client.recommend_items("tls", page_size=5, min_state_version=acknowledged.state_version)
        assert answer.state_version == acknowledged.state_version
        with client.stream() as stream:
            event = stream.send_event(user_id="tls", item_id="item-2", event_type="click")
            query = stream.recommend("tls", page_size=5)
            assert query.result().state_version == event.result().state_version > acknowledged.state_version
        with client.watch_recommendations("tls") as watch:
            assert len(next(watch).recommendation.recommendations) == 10


def test_a_client_refuses_an_impostor(mutual: Any, certificates: Certificates) -> None:
    credentials = certificates.client(ca="other-ca").channel_credentials()
    with (
        Client(mutual.target, credentials=credentials) as client,
        pytest.raises(UnavailableError, match=r"which TLS it wants .*CERTIFICATE_VERIFY_FAILED"),
    ):
        client.recommend_items("tls")


def test_the_way_behind_is_private(mutual: Any) -> None:
    """The native front talks to the Python one in plain text, through a folder that nobody else may enter."""
    links = (Path("/proc") / str(mutual.process.pid) / "fd").iterdir()
    inodes = {str(link.readlink()).removeprefix("socket:[").removesuffix("]") for link in links}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    sockets = {row[7] for row in rows if len(row) > 7 and row[6] in inodes}
    assert len(sockets) == ("native" in mutual.process.args)
    for path in sockets:
        status = Path(path).parent.stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, os.getuid())
    tcp = {row.split()[1] for name in ("tcp", "tcp6") for row in listening(name) if row.split()[9] in inodes}
    assert len(tcp) == 1


def listening(name: str) -> list[str]:
    return [row for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:] if row.split()[3] == "0A"]


@pytest.mark.parametrize("front", FRONTS)
def test_without_a_client_ca_anybody_may_call_encrypted(front: str, start: Fixture, certificates: Certificates) -> None:
    server = start(front)
    path = "/recstream.v1.ModelService/ListModels"
    assert begin(server.target, certificates.client(None), path) is None
    assert begin(server.target, None, path) == grpc.StatusCode.UNAVAILABLE
    server.close()


@pytest.mark.parametrize("mutual", FRONTS[-1:], indirect=True)
def test_every_command_takes_certificates(mutual: Any, certificates: Certificates, bundle_path: Path) -> None:
    certificate, key = certificates.pair("client")
    given = ["--target", mutual.target, "--tls-ca", certificates.file("ca.pem"), "--tls-cert", certificate]
    commands: list[list[Any]] = [
        ["event", "--user", "tls-cli", "--item", "item-1", "--type", "click"],
        ["recommend", "--user", "tls-cli"],
        ["events", "--user", "tls-cli"],
        ["similar", "--item", "item-1"],
        ["watch", "--user", "tls-cli", "--lists", "1"],
        ["models"],
        ["load", "--bundle", bundle_path, "--rate", "20", "--duration", "0.5", "--warmup", "0", "--mix", "stream"],
        ["verify", "--bundle", bundle_path, "--users", "1"],
    ]
    running = [
        subprocess.Popen(
            [RECSTREAM, *command, *given, "--tls-key", key], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for command in commands
    ]
    for process in running:
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, (process.args, out, error)


def test_tls_allows_an_address_that_others_reach(certificates: Certificates) -> None:
    chain, key = certificates.pair("server")
    given = {"bundle": "b", "state": "s", "listen": {"address": "0.0.0.0:50051"}}
    with pytest.raises(ConfigurationError, match=r"listen\.address: .* \(--tls-cert, --tls-key\)"):
        load_settings(None, given)
    assert load_settings(None, given | {"tls": {"certificate_chain": chain, "private_key": key}}).tls.client_ca is None


@pytest.mark.parametrize("given", ["certificate_chain", "private_key", "client_ca"])
def test_a_part_of_the_files_is_not_enough(given: str, certificates: Certificates) -> None:
    missing = "private_key" if given == "certificate_chain" else "certificate_chain"
    with pytest.raises(ConfigurationError, match=rf"tls\.{missing}: is missing"):
        load_settings(None, {"bundle": "b", "state": "s", "tls": {given: certificates.file("ca.pem")}})


@pytest.mark.skipif(which("openssl") is None, reason="there is no openssl command")
def test_the_commands_of_the_manual_make_files_that_serve(tmp_path: Path) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "server.md").read_text()
    commands = manual.partition("## TLS\n")[2].partition("```sh\n")[2].partition("```")[0]
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, capture_output=True, check=True)
    made = {name: tmp_path / name for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")}
    load_tls(
        TlsSettings(certificate_chain=made["server.pem"], private_key=made["server.key"], client_ca=made["ca.pem"])
    )
    context = ClientTls(ca=made["ca.pem"], certificate=made["client.pem"], private_key=made["client.key"]).ssl_context()
    assert [dict(pair[0] for pair in ca["subject"]) for ca in context.get_ca_certs()] == [
        {"commonName": "recstream CA"}
    ]


@pytest.fixture
def odd_files(certificates: Certificates) -> Iterator[Certificates]:
    """With files that cannot be used."""
    certificates.file("text.pem").write_text("no PEM")
    key = serialization.load_pem_private_key(certificates.file("server.key").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    certificates.file("locked.key").write_bytes(locked)
    return certificates


@pytest.mark.parametrize(
    ("chain", "key", "client_ca", "problem"),
    [
        ("absent.pem", "server.key", None, "tls.certificate_chain: {}/absent.pem cannot be read: No such file"),
        ("server.pem", "absent.key", None, "tls.private_key: {}/absent.key cannot be read: No such file"),
        ("server.pem", "server.key", "absent.pem", "tls.client_ca: {}/absent.pem cannot be read: No such file"),
        ("text.pem", "server.key", None, "tls.certificate_chain: {}/text.pem holds no certificate; it must be PEM"),
        ("server.pem", "text.pem", None, "tls.private_key: {}/text.pem holds no private key that can be read"),
        ("server.pem", "locked.key", None, "tls.private_key: {}/locked.key holds no private key that can be read"),
        ("server.pem", "server.key", "text.pem", "tls.client_ca: {}/text.pem holds no certificate; it must be PEM"),
        ("server.pem", "client.key", None, "tls.private_key: {}/client.key is not the key of the first certificate"),
        ("expired.pem", "expired.key", None, "tls.certificate_chain: {}/expired.pem: certificate has expired; give"),
        ("early.pem", "early.key", None, "tls.certificate_chain: {}/early.pem: certificate is not yet valid; give"),
    ],
)
def test_files_that_will_not_do_are_named_at_start(
    chain: str, key: str, client_ca: str | None, problem: str, odd_files: Certificates
) -> None:
    settings = TlsSettings(
        certificate_chain=odd_files.file(chain),
        private_key=odd_files.file(key),
        client_ca=None if client_ca is None else odd_files.file(client_ca),
    )
    with pytest.raises(ConfigurationError) as caught:
        load_tls(settings)
    assert str(caught.value).startswith(problem.format(odd_files.file("x").parent))


def test_a_key_that_all_can_read_is_logged(certificates: Certificates) -> None:
    chain, key = certificates.pair("server")
    settings = TlsSettings(certificate_chain=chain, private_key=key)
    with capture_logs() as before:
        load_tls(settings)
    key.chmod(0o644)
    with capture_logs() as after:
        load_tls(settings)
    key.chmod(0o600)
    assert [line["event"] for line in before] == ["tls"]
    assert [line["event"] for line in after] == ["private_key_readable_by_all", "tls"]
