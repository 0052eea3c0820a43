"""A catalogue that is small enough for a test, in the form that the benchmarks take."""

import pytest

from benchmarks.serving.catalogues import Catalogue, write_synthetic

ITEMS = 500


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("tiny") / "tiny.bundle"
    write_synthetic(path, ITEMS, seed=3)
    return Catalogue("tiny", path, 3)
