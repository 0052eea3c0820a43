"""The families by name. A new one is a file in this folder and a line here."""

import importlib
from typing import Final

from recstream.errors import ConfigurationError
from recstream_trainer.models.model import Family
from recstream_trainer.suggestions import closest

FAMILIES: Final[dict[str, str]] = {
    "als": "recstream_trainer.models.als",
    "autorec": "recstream_trainer.models.autorec",
    "biased_mf": "recstream_trainer.models.biased_mf",
    "bpr": "recstream_trainer.models.bpr",
    "ease": "recstream_trainer.models.ease",
    "gru4rec": "recstream_trainer.models.gru4rec",
    "hstu": "recstream_trainer.models.hstu",
    "item2vec": "recstream_trainer.models.item2vec",
    "item_knn": "recstream_trainer.models.item_knn",
    "lstm": "recstream_trainer.models.lstm",
    "mult_vae": "recstream_trainer.models.mult_vae",
    "ncf": "recstream_trainer.models.ncf",
    "nextitnet": "recstream_trainer.models.nextitnet",
    "popular": "recstream_trainer.models.popular",
    "sasrec": "recstream_trainer.models.sasrec",
    "svdpp": "recstream_trainer.models.svdpp",
    "tfidf": "recstream_trainer.models.tfidf",
    "two_tower": "recstream_trainer.models.two_tower",
    "user_knn": "recstream_trainer.models.user_knn",
    "word2vec": "recstream_trainer.models.word2vec",
}
"""Name of a family to the module whose ``FAMILY`` it is; imported on demand, as torch takes seconds to load."""


def load_family(name: str) -> Family:
    """Import a family.

    Raises
    ------
    ConfigurationError
        There is none of this name.
    """
    if name not in FAMILIES:
        raise ConfigurationError(
            f"there is no model family {name!r}{closest(name, FAMILIES)}; known: {', '.join(FAMILIES)}"
        )
    family = importlib.import_module(FAMILIES[name]).FAMILY
    assert isinstance(family, Family)  # noqa: S101 - a programming error, not an input
    return family
