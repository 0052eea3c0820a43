"""Settings: where they come from, which source wins, and what is said about mistakes."""

from pathlib import Path

import pytest
from recstream_server.settings_reference import toml_reference
from recstream_server.settings_sources import load_settings

from recstream.errors import ConfigurationError

NEEDED = {"bundle": "some bundle", "state": "some state"}
MANUAL = Path(__file__).parent.parent.parent / "docs" / "server.md"


def file(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text)
    return path


def test_two_paths_are_all_that_is_needed() -> None:
    settings = load_settings(None, NEEDED)
    assert settings.bundle == Path("some bundle")
    assert str(settings.listen.address) == "127.0.0.1:50051"
    assert settings.events.types["hide"].weight == -2.0
    assert settings.metrics.address is None


def test_command_line_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = file(tmp_path, 'state = "file"\n[limits]\npage_size = 1\nid_bytes = 1\ncandidate_item_ids = 1\n')
    monkeypatch.setenv("RECSTREAM_SERVER__LIMITS__PAGE_SIZE", "2")
    monkeypatch.setenv("RECSTREAM_SERVER__LIMITS__ID_BYTES", "2")
    settings = load_settings(config, {"bundle": "given", "limits": {"page_size": 3}})
    assert (settings.limits.page_size, settings.limits.id_bytes, settings.limits.candidate_item_ids) == (3, 2, 1)
    assert settings.state == Path("file")


def test_event_types_replace_the_default_table(tmp_path: Path) -> None:
    config = file(tmp_path, "[events.types]\nplay = { weight = 1.5 }\nskip = { weight = -1, marks_seen = false }\n")
    types = load_settings(config, NEEDED).events.types
    assert {name: (kind.weight, kind.marks_seen) for name, kind in types.items()} == {
        "play": (1.5, True),
        "skip": (-1.0, False),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[limits]\npage_sise = 5", "limits.page_sise: unknown setting; did you mean page_size?"),
        ("[limit]\npage_size = 5", "limit: unknown setting; did you mean limits?"),
        ("bundel = 'x'", "bundel: unknown setting; did you mean bundle?"),
        ("[limits]\npage_size = 'many'", "limits.page_size: Input should be a valid integer"),
        ("[limits]\npage_size = 1001", "limits.page_size: Input should be less than or equal to 1000 (got '1001')"),
        ("[limits]\nid_bytes = 0", "limits.id_bytes: Input should be greater than or equal to 1"),
        ("[listen]\naddress = 'nowhere'", "listen.address: must be HOST:PORT"),
        ("[retrieval]\nkind = 'fiass'", "retrieval.kind: Input should be 'exact' or 'faiss' (got 'fiass')"),
        ("[events]\ndurability = 'none'", "events.durability: Input should be 'fsync' or 'os'"),
        ("[events.types]\n", "events.types: Dictionary should have at least 1 item"),
        ("[events.types]\nplay = {}", "events.types.play.weight: is required"),
        ("[events.types]\nplay = { weight = nan }", "events.types.play.weight: Input should be a finite number"),
        ("[events.types]\n'No Name' = { weight = 1 }", "events.types"),
        ("[drain]\ngrace_s = -1", "drain.grace_s"),
        ("[limits", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file(tmp_path, text), NEEDED)
    assert problem in str(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file(tmp_path, "[limits]\npage_size = 0\n[log]\nlevel = 'loud'\n"), {})
    for path in ("limits.page_size", "log.level", "bundle: is required; give --bundle", "state: is required"):
        assert path in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        ("RECSTREAM_SERVER__LIMTS__PAGE_SIZE", "unknown setting limts; did you mean limits?"),
        ("RECSTREAM_SERVER__LIMITS__PAGE_SISE", "limits.page_sise: unknown setting; did you mean page_size?"),
        ("RECSTREAM_SERVER__LIMITS", "limits: Input should be a valid dictionary"),
    ],
)
def test_a_mistake_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, problem: str) -> None:
    monkeypatch.setenv(variable, "5")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, NEEDED)
    assert problem in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load_settings(tmp_path / "absent.toml", NEEDED)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "192.168.1.5:1", "[::]:1", "example.org:1"])
def test_a_reachable_address_needs_consent(address: str) -> None:
    with pytest.raises(ConfigurationError, match="--insecure-listen"):
        load_settings(None, NEEDED | {"listen": {"address": address}})
    assert load_settings(None, NEEDED | {"listen": {"address": address, "insecure": True}}).listen.insecure


def test_metrics_stay_on_this_machine() -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        load_settings(None, NEEDED | {"metrics": {"address": "0.0.0.0:9464"}})


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(None, NEEDED)
    with pytest.raises(ValueError, match="frozen"):
        settings.limits.page_size = 5  # type: ignore[misc]


def test_the_reference_is_a_file_of_defaults(tmp_path: Path) -> None:
    read = load_settings(file(tmp_path, toml_reference()), NEEDED)
    assert read.model_dump() == load_settings(None, NEEDED).model_dump()


def test_the_manual_has_the_reference() -> None:
    assert f"```toml\n{toml_reference()}```" in MANUAL.read_text(), "paste `recstream serve --print-config` into it"
