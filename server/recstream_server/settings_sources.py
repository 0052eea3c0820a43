"""Where settings come from: the command line before the environment before a TOML file before the defaults."""

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError, TomlConfigSettingsSource

from recstream.errors import ConfigurationError
from recstream_server.settings import ENVIRONMENT_PREFIX, Settings


def load_settings(config: Path | None, command_line: Mapping[str, Any]) -> Settings:
    """Read and check all settings.

    Parameters
    ----------
    config : Path, optional
        A TOML file.
    command_line : mapping
        What was given there, nested by section; wins over everything.

    Raises
    ------
    ConfigurationError
        Names every setting at fault, and for an unknown one the closest that exists.
    """
    _refuse_unknown_variables(os.environ)
    try:
        return _reading(config)(**command_line)
    except ValidationError as error:
        raise ConfigurationError("; ".join(_problem(detail) for detail in error.errors())) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{config}: is not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"{config}: cannot be read: {error.strerror}") from None
    except SettingsError as error:
        raise ConfigurationError(f"environment: {error}") from None


def _reading(config: Path | None) -> type[Settings]:
    """Settings that read a file as well; pydantic-settings takes its sources from the class."""
    if config is not None and not config.is_file():
        raise ConfigurationError(f"{config}: no such file; --config takes a TOML file")

    class SettingsWithFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = () if config is None else (TomlConfigSettingsSource(settings_cls, config),)
            return (init_settings, env_settings, *file)

    return SettingsWithFile


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    # Below a section pydantic refuses unknown names itself; at the top level it ignores them.
    for variable in environment:
        if variable.upper().startswith(ENVIRONMENT_PREFIX):
            name = variable[len(ENVIRONMENT_PREFIX) :].split("__")[0].lower()
            if name not in Settings.model_fields:
                hint = _closest(name, Settings.model_fields)
                raise ConfigurationError(f"environment: {variable}: unknown setting {name}{hint}")


def _problem(detail: ErrorDetails) -> str:
    path = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{path}: unknown setting{_closest(str(detail['loc'][-1]), _siblings(detail['loc']))}"
    if detail["type"] == "missing":
        return f"{path}: is required{_how_to_give(path)}"
    message = detail["msg"].removeprefix("Value error, ")
    return message if not path else f"{path}: {message} (got {str(detail['input'])[:64]!r})"


def _how_to_give(path: str) -> str:
    return f"; give --{path}, or {path} in the configuration file" if "." not in path else ""


def _siblings(location: Sequence[int | str]) -> Sequence[str]:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return ()
        model = field.annotation
    return tuple(model.model_fields)


def _closest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; did you mean {match[0]}?" if match else ""
