"""Settings of a training run: defaults, then ``--quick``, then a TOML file, then ``--set KEY=VALUE``."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, create_model

from recstream.errors import ConfigurationError
from recstream.event_types import EventType, EventTypes
from recstream_trainer.datasets import CleaningRules
from recstream_trainer.evaluation.protocols import LARGEST_SHARE
from recstream_trainer.models import Family, FamilySettings
from recstream_trainer.suggestions import closest
from recstream_trainer.training.settings import TrainingSettings


class EventTypeSettings(BaseModel):
    """What an event of one type is worth, under the names that a server's ``[events.types]`` has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight: float
    marks_seen: bool = True
    positive_from: float | None = None


class DataSettings(BaseModel):
    """The ``[data]`` table: which interactions count, and how they are cleaned."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    min_rating: float | Literal["auto", "all"] = Field(
        default="auto",
        description="ratings from here on are positive; auto: from the middle of the scale up",
    )
    weights: Literal["log", "linear", "ones"] = Field(
        default="log", description="weights above 1 by their logarithm, as they are, or all 1"
    )
    half_life: Annotated[float, Field(gt=0)] | Literal["auto", "none"] = Field(
        default="auto", description="later interactions of a user until an older one counts half"
    )
    repeats: Literal["auto", "last", "first", "sum"] = Field(
        default="auto", description="of repeated pairs the last, the first, or all; auto: last if there are ratings"
    )
    min_user_interactions: int = Field(default=1, ge=1, description="users with fewer are left out")
    min_item_interactions: int = Field(default=1, ge=1, description="items with fewer are left out")

    share: float = Field(
        default=LARGEST_SHARE, gt=0, le=LARGEST_SHARE, description="protocol F: share of the positives learned from"
    )
    event_types: dict[str, EventTypeSettings] | None = Field(
        default=None,
        min_length=1,
        description="what events weigh, as events.types of the server; none: as its defaults",
    )

    def cleaning_rules(self) -> CleaningRules:
        """The part of the settings that cleaning needs."""
        types = self.event_types
        return CleaningRules(
            event_types=EventTypes()
            if types is None
            else EventTypes(EventType(name, **kind.model_dump()) for name, kind in types.items()),
            repeats=None if self.repeats == "auto" else self.repeats,
            min_user_interactions=self.min_user_interactions,
            min_item_interactions=self.min_item_interactions,
        )


class RunSettings(BaseModel):
    """Everything that can be set in a config file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: DataSettings = DataSettings()
    training: TrainingSettings = TrainingSettings()
    model: SerializeAsAny[FamilySettings] = FamilySettings()


_QUICK_TRAINING = {"max_epochs": 5, "validation_users": 500}


def read_settings(
    family: Family, *, file: Path | None = None, assignments: Sequence[str] = (), quick: bool = False
) -> RunSettings:
    """Merge and check the settings of a run.

    Parameters
    ----------
    family : Family
        Whose settings the table ``[model]`` holds.
    file : Path, optional
        TOML with tables ``[data]``, ``[training]`` and ``[model]``.
    assignments : sequence of str
        ``table.key=value``, the value as in TOML; text needs no quotes.
    quick : bool

    Raises
    ------
    ConfigurationError
        Names the key, what is wrong, and for an unknown key the closest and all known ones.
    """
    merged: dict[str, Any] = {}
    if quick:
        _merge(merged, {"training": _QUICK_TRAINING, "model": family.quick})
    if file is not None:
        _merge(merged, _read_toml(file))
    for assignment in assignments:
        _merge(merged, _parse_assignment(assignment))
    schema = create_model("RunSettings", __base__=RunSettings, model=(family.settings, family.settings()))
    try:
        return schema.model_validate(merged)
    except ValidationError as error:
        known = [key for key, _ in known_keys(family)]
        raise ConfigurationError("; ".join(_explain(dict(problem), known) for problem in error.errors())) from None


def known_keys(family: Family) -> Iterator[tuple[str, str]]:
    """Every key that can be set, as ``table.key``, with what it means and its default."""
    tables: dict[str, type[BaseModel]] = {"data": DataSettings, "training": TrainingSettings, "model": family.settings}
    for table, settings in tables.items():
        for name, field in settings.model_fields.items():
            yield f"{table}.{name}", f"{field.description} (default {field.default})"


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"config file {file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"config file {file}: not valid TOML ({error})") from None


def _parse_assignment(assignment: str) -> dict[str, Any]:
    key, equals, text = assignment.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) != 2 or not all(parts):
        raise ConfigurationError(f"--set {assignment!r}: write table.key=value, for example --set model.dimension=64")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    return {parts[0]: {parts[1]: value}}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.setdefault(key, {}), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _explain(problem: Mapping[str, Any], known: Sequence[str]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}{closest(key, known)}; known keys: {', '.join(known)}"
    return f"{key}: {problem['msg'][0].lower()}{problem['msg'][1:]}, not {problem['input']!r}"
