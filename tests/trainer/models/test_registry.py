import pytest
from recstream_trainer.models import FAMILIES, load_family

from recstream.errors import ConfigurationError


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_its_own_name_and_defaults(name: str) -> None:
    family = load_family(name)
    assert family.name == name
    assert family.settings()


def test_an_unknown_family_is_told_the_closest() -> None:
    with pytest.raises(
        ConfigurationError, match=r"no model family 'alss' \(did you mean 'als'\?\); known: als, .*popular"
    ):
        load_family("alss")
