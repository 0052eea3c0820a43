"""Model families: one file each, behind one small protocol."""

from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings, Model, Serving
from recstream_trainer.models.registry import FAMILIES, load_family

__all__ = ["FAMILIES", "Catalogue", "Family", "FamilySettings", "Model", "Serving", "load_family"]
