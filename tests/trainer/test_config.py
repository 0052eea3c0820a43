import re
from pathlib import Path

import pytest
from recstream_trainer.config import known_keys, read_settings
from recstream_trainer.models import load_family
from recstream_trainer.models.als import AlsSettings

from recstream.errors import ConfigurationError
from recstream.event_types import EventTypes

ALS = load_family("als")


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("[model]\ndimension = 24\ncg_steps = 2\n[training]\npatience = 9\n[data]\nmin_rating = 4\n")
    settings = read_settings(ALS, file=file, assignments=["model.dimension=8", "training.metric=recall@10"], quick=True)
    assert isinstance(settings.model, AlsSettings)
    assert (settings.model.dimension, settings.model.cg_steps) == (8, 2)
    assert (settings.training.patience, settings.training.metric) == (9, "recall@10")
    assert settings.training.max_epochs < read_settings(ALS).training.max_epochs
    assert settings.data.min_rating == 4


def test_event_types_are_written_as_the_server_has_them(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("[data.event_types]\nplay = { weight = 2.5 }\nstars = { weight = 1, positive_from = 3 }\n")
    types = read_settings(ALS, file=file).data.cleaning_rules().event_types
    assert types.names == ("play", "stars")
    assert [types.resolve("play", None), types.resolve("stars", 2)] == [(2.5, True), (-1.0, True)]
    assert read_settings(ALS).data.cleaning_rules().event_types.fingerprint == EventTypes().fingerprint


def test_settings_cannot_be_changed() -> None:
    settings = read_settings(ALS)
    with pytest.raises(ValueError, match="frozen"):
        settings.training.patience = 3


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        (
            "model.dimensoin=8",
            r"unknown key 'model\.dimensoin' \(did you mean 'model\.dimension'\?\); known keys: .*data",
        ),
        ("modle.dimension=8", r"unknown key 'modle'"),
        ("model.dimension=0", r"model\.dimension: input should be greater than or equal to 1, not 0"),
        ("model.dimension=many", r"model\.dimension: input should be a valid integer.*, not 'many'"),
        ("model.regularization=nan", r"model\.regularization: .*, not nan"),
        ("training.metric=ndcg", r"training\.metric: input should be 'ndcg@10'"),
        ("data.min_rating=best", r"data\.min_rating.*: .*, not 'best'"),
        ("dimension=8", r"--set 'dimension=8': write table\.key=value"),
        ("model.dimension", r"write table\.key=value"),
    ],
)
def test_a_bad_assignment_names_key_value_and_remedy(assignment: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_settings(ALS, assignments=[assignment])


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("model = 3\n")
    with pytest.raises(ConfigurationError, match="model: input should be a valid dictionary"):
        read_settings(ALS, file=file)
    with pytest.raises(ConfigurationError, match=r"model: input should be a valid dictionary"):
        read_settings(ALS, file=file, quick=True)


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"config file .*none\.toml: cannot be read"):
        read_settings(ALS, file=tmp_path / "none.toml")
    file = tmp_path / "bad.toml"
    file.write_text("[model\n")
    with pytest.raises(ConfigurationError, match=r"bad\.toml: not valid TOML"):
        read_settings(ALS, file=file)


def test_every_key_is_described() -> None:
    keys = dict(known_keys(ALS))
    assert {"data.min_rating", "training.patience", "model.dimension"} <= keys.keys()
    assert not any(text.startswith("None") for text in keys.values())


def test_the_documentation_lists_every_key_with_its_default() -> None:
    whole = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    # The sections of the other families come after that of ALS.
    before, _, rest = whole.partition("\n### als\n")
    text = before + rest.partition("\n### ")[0]
    described = dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| ([^|]*) \|", text, flags=re.MULTILINE))
    defaults = read_settings(ALS).model_dump()
    for key, _ in known_keys(ALS):
        table, name = key.split(".")
        assert described.pop(key) == str(defaults[table][name]).removesuffix(".0").lower()
    assert not described
