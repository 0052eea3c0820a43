import pytest
from recstream_trainer.export import bundle_name, check_bundle_name

from recstream.errors import ConfigurationError


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("ml-100k", "ml-100k-als"),
        ("My Shop (2026)", "my-shop-2026-als"),
        ("---", "data-als"),
        ("x" * 99, "x" * 60 + "-als"),
    ],
)
def test_a_name_is_made_to_fit(dataset: str, name: str) -> None:
    assert bundle_name(dataset, "als") == name
    check_bundle_name(name)


@pytest.mark.parametrize("name", ["", "Upper", "with space", "-dash", "x" * 65, "a/b"])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--name .*: must be 1 to 64"):
        check_bundle_name(name)
