"""Model families: one file each, behind one small protocol."""

from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings, Learned, Model, Serving
from recstream_trainer.models.predecessor import Heir, Predecessor
from recstream_trainer.models.registry import FAMILIES, load_family

__all__ = [
    "FAMILIES",
    "Catalogue",
    "Family",
    "FamilySettings",
    "Heir",
    "Learned",
    "Model",
    "Predecessor",
    "Serving",
    "load_family",
]
