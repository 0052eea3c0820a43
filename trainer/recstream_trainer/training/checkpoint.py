"""Checkpoints: one .npz file of plain arrays and JSON, replaced atomically; no pickle."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recstream.errors import ConfigurationError
from recstream_trainer.array_file import read_arrays, write_arrays
from recstream_trainer.models import Model
from recstream_trainer.training.fit import StoppedBy
from recstream_trainer.training.run_state import Arrays, RunState

_FORMAT: Final = "recstream-checkpoint-1"


@dataclass
class CheckpointFile:
    """Writes a run's state every so often, and whenever the run is interrupted; an `Observer` of `fit`.

    Attributes
    ----------
    path : Path
    identity : mapping of str to JSON value
        What makes runs comparable (data, settings, seed); `load` refuses a checkpoint of another.
    every_s : float
        Seconds between writes, at least.
    """

    path: Path
    identity: Mapping[str, Any]
    every_s: float
    _written_at: float = field(default_factory=time.monotonic)

    def load(self) -> RunState:
        """Read the checkpoint.

        Raises
        ------
        ConfigurationError
            It is missing, damaged, or of another run; says in what the runs differ.
        """
        try:
            with self.path.open("rb") as file:
                meta, arrays = read_arrays(file)
            state = RunState.from_json(meta["state"], _unprefixed("current", arrays), _unprefixed("best", arrays))
        except FileNotFoundError:
            raise ConfigurationError(f"there is no checkpoint {self.path}; train without --resume") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"checkpoint {self.path} is damaged ({type(error).__name__}); remove it") from None
        self._check(meta)
        return state

    def _check(self, meta: Mapping[str, Any]) -> None:
        if meta.get("format") != _FORMAT:
            raise ConfigurationError(
                f"checkpoint {self.path} is of another version of recstream; train without --resume"
            )
        # Through JSON, as tuples and numbers come back changed.
        mine, theirs = json.loads(json.dumps(self.identity)), meta["identity"]
        differing = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
        if differing:
            raise ConfigurationError(
                f"checkpoint {self.path} is of another run: it differs in {', '.join(differing)}; "
                "give the same options as then, or train without --resume"
            )

    def begin(self, state: RunState, epochs: int) -> None:
        """See `Observer`."""

    def epoch(self, state: RunState, model: Model) -> None:
        """See `Observer`."""
        if time.monotonic() - self._written_at >= self.every_s:
            self.write(state, model)

    def end(self, state: RunState, model: Model, stopped_by: StoppedBy) -> None:
        """See `Observer`."""
        if stopped_by == "interruption" and state.best_epoch > 0:
            self.write(state, model)

    def write(self, state: RunState, model: Model) -> None:
        """Write the state now."""
        meta = {"format": _FORMAT, "identity": self.identity, "state": state.to_json()}
        arrays = _prefixed("current", model.state() if state.epoch else {}) | _prefixed("best", state.best)
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        with temporary.open("wb") as file:
            write_arrays(file, meta, arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        self._written_at = time.monotonic()

    def remove(self) -> None:
        """Delete the file, if there is one: the run is complete."""
        self.path.unlink(missing_ok=True)


def _prefixed(prefix: str, arrays: Arrays) -> Arrays:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _unprefixed(prefix: str, arrays: Arrays) -> Arrays:
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
