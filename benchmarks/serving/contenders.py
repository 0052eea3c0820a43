"""Who is compared, and how each is started."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.programs import WORK, echo_program

RECSTREAM = Path(sys.executable).with_name("recstream")
NATIVE, PYTHON = "recstream native", "recstream python"
ECHO_THREADS, ECHO_AIO, ECHO_NATIVE = "echo grpcio threads", "echo grpc.aio", "echo C++"
HNSW_NEIGHBOURS, HNSW_RECALL = 32, 0.95
EFFORTS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


class UnavailableContenderError(Exception):
    """A contender cannot run here, and why."""


@dataclass(frozen=True)
class Contender:
    """One that serves.

    Attributes
    ----------
    exact : None for an echo, which answers nothing
    command : what starts it over a catalogue, with the answers of an echo (unary, streamed) and a folder for state
    """

    name: str
    exact: bool | None
    command: Callable[[Catalogue, tuple[Path, Path], Path], list[str]]

    @property
    def ours(self) -> bool:
        return self.name in (NATIVE, PYTHON)


def contenders() -> list[Contender]:
    """All, in the order of the tables."""
    peers = [
        (f"{shown} + {what}", front, model)
        for front, shown in (("threads", "grpcio threads"), ("aio", "grpc.aio"))
        for model, what in (("flat", "faiss Flat"), ("batch", "faiss Flat tuned, in batches"), ("hnsw", "faiss HNSW"))
    ]
    return [
        Contender(ECHO_THREADS, None, _echo("threads")),
        Contender(ECHO_AIO, None, _echo("aio")),
        Contender(ECHO_NATIVE, None, lambda _catalogue, answers, _state: [str(echo_program()), *map(str, answers)]),
        *(Contender(name, model != "hnsw", _peer(front, model)) for name, front, model in peers),
        Contender(PYTHON, True, lambda catalogue, _answers, state: ours(catalogue, state, PYTHON)),
        Contender(NATIVE, True, lambda catalogue, _answers, state: ours(catalogue, state, NATIVE)),
    ]


def ours(catalogue: Catalogue, state: Path, plane: str) -> list[str]:
    """The command of a whole server."""
    command = [str(RECSTREAM), "serve", "--bundle", str(catalogue.path), "--state", str(state)]
    command += ["--listen", "127.0.0.1:0"]
    if has_transports():
        return [*command, "--transport", "python" if plane == PYTHON else "native"]
    if plane == NATIVE:
        raise UnavailableContenderError("this build has no native transport")
    return command


@cache
def has_transports() -> bool:
    shown = subprocess.run([RECSTREAM, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    return "--transport" in shown


def _peer_command(front: str, model: str, *rest: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.serving.peer_server", front, model, *rest]


def _echo(front: str) -> Callable[[Catalogue, tuple[Path, Path], Path], list[str]]:
    return lambda _catalogue, answers, _state: _peer_command(front, "echo", "--answers", *map(str, answers))


def _peer(front: str, model: str) -> Callable[[Catalogue, tuple[Path, Path], Path], list[str]]:
    def command(catalogue: Catalogue, _answers: tuple[Path, Path], _state: Path) -> list[str]:
        rest = ["--bundle", str(catalogue.path)]
        if model == "hnsw":
            index, effort = hnsw(catalogue)
            rest += ["--hnsw", str(index), "--ef-search", str(effort)]
        return _peer_command(front, model, *rest)

    return command


@cache
def hnsw(catalogue: Catalogue) -> tuple[Path, int]:
    """An index, kept for the next run, and the least `efSearch` of a rising row with the recall."""
    path = WORK / f"{catalogue.path.stem}.hnsw"
    if path.exists():
        index: Any = faiss.read_index(str(path))
    else:
        vectors = np.array(catalogue.bundle.item_vectors)
        index = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        index.add(vectors)
        faiss.write_index(index, str(path))
    users = catalogue.users(200)
    k = 20
    for effort in EFFORTS:
        index.hnsw.efSearch = effort
        found = index.search(np.array(catalogue.bundle.user_vectors[users]), k)[1]
        hits = sum(
            len(catalogue_top(catalogue, int(user), k) & set(row))
            for user, row in zip(users, found.tolist(), strict=True)
        )
        if hits >= HNSW_RECALL * k * len(users):
            break
    return path, effort


def catalogue_top(catalogue: Catalogue, user: int, k: int) -> set[int]:
    """The exact top K of all items, the seen ones among them."""
    scores = np.asarray(catalogue.bundle.item_vectors) @ np.asarray(catalogue.bundle.user_vectors[user])
    return set(np.argpartition(scores, -k)[-k:].tolist())
