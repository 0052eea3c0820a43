"""Training of neural sequence families: the next item after every place of every history."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from recstream.bundle import OnnxEncoder
from recstream.errors import DataError
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.epoch_share import tell
from recstream_trainer.models.model import Family, FamilySettings, Learned, Serving
from recstream_trainer.models.neural.encoder import SequenceNetwork, ServedEncoder
from recstream_trainer.models.neural.inherited_weights import take_over, weights_of
from recstream_trainer.models.neural.onnx_export import to_onnx
from recstream_trainer.models.neural.optimizer_state import arrays_of, restore_optimizer, tensors_under
from recstream_trainer.models.neural.softmax_loss import full_softmax_loss
from recstream_trainer.models.neural.weight_average import follow
from recstream_trainer.models.neural.windows import Batch, batches_of, newest
from recstream_trainer.models.predecessor import Predecessor
from recstream_trainer.peers import present_peers

_WARM_UP_STEPS: Final = 100
_LARGEST_GRADIENT: Final = 1.0
_TOGETHER: Final = 64
"""Histories encoded at a time."""
_ONWARD_SHARE: Final = 0.2


class SequenceSettings(FamilySettings):
    """Settings that all sequence families have."""

    dimension: int = Field(default=64, ge=2, le=2048, description="numbers in a vector")
    max_length: int = Field(default=200, ge=1, le=2048, description="newest items of a history that are read")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of numbers left out while training")
    learning_rate: float = Field(default=0.001, gt=0, description="of AdamW")
    weight_decay: float = Field(default=0.01, ge=0, description="of AdamW")
    batch_positions: int = Field(default=4096, ge=1, description="items that a step learns from, about")
    averaging: float = Field(
        default=0.998, ge=0, lt=1, description="how much of the weights' moving average stays at a step; 0: no average"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of products while training; auto: bfloat16 where the processor has it"
    )


class SequenceModel:
    """See `recstream_trainer.models.Model`.

    What is judged and exported is a moving average of the weights, which does what a learning rate that falls to zero
    does, but at any epoch. Dropout and the cuts of the histories are drawn anew for every epoch, from the seed and its
    number.
    """

    def __init__(
        self,
        network: SequenceNetwork,
        settings: SequenceSettings,
        train: Interactions,
        seed: int,
        device: str,
    ) -> None:
        if not (train.counts > 1).any():
            raise DataError(
                "nobody has two interactions, so there is no next item to learn; use another family, such as als"
            )
        self._settings, self._train, self._seed, self._device = settings, train, seed, device
        self._network = network.to(device)
        self._average = ServedEncoder(copy.deepcopy(self._network)).requires_grad_(requires_grad=False).eval()
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self._dtype = _dtype(settings.precision, device)
        self._epoch = 0
        self._steps = 0
        self._peers = present_peers()
        self._positions = int(np.maximum(train.counts - 1, 0).sum())

    def run_epoch(self) -> float:
        """See `Model`; the loss is the mean cross-entropy of the next items, in nats."""
        rng = np.random.default_rng([self._seed, self._epoch])
        total, count = 0.0, 0
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**62)) + self._peers.rank)
            self._network.train()
            for batch in self._batches(rng):
                loss, positions = self._step(batch)
                total, count = total + loss, count + positions
                tell(count, self._positions)
        self._epoch += 1
        return self._peers.sums(total)[0] / count

    def _batches(self, rng: np.random.Generator) -> Iterator[Batch]:
        settings = self._settings
        return batches_of(self._train, settings.max_length, settings.batch_positions, self._network.item_count, rng)

    def _step(self, batch: Batch) -> tuple[float, int]:
        """Learn from a batch: the sum of this process's losses, and how many all processes have."""
        part = self._peers.part(len(batch.rows))
        rows, times, targets = (whole[part].to(self._device) for whole in (batch.rows, batch.times, batch.targets))
        real, positions = targets < self._network.item_count, int((batch.targets < self._network.item_count).sum())
        total = 0.0
        if len(rows):
            with torch.autocast(self._device, self._dtype, enabled=self._dtype != torch.float32):
                states = self._network.states(rows, times)
            loss = full_softmax_loss(states[real].float(), self._network.item_vectors, targets[real], self._dtype)
            mine = int(real.sum())
            (loss * (mine / positions)).backward()  # type: ignore[no-untyped-call]
            total = loss.item() * mine
        self._peers.add_gradients(self._network.parameters())
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
        self._steps += 1
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * min(1.0, self._steps / _WARM_UP_STEPS)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        follow(self._average.network, self._network, steps=self._steps, averaging=self._settings.averaging)
        return total, positions

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    @torch.inference_mode()
    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        scores: NDArray[np.float32] = (self._encode(users) @ self._average.network.item_vectors.T).cpu().numpy()
        return scores

    def _encode(self, users: NDArray[np.int64]) -> torch.Tensor:
        histories = newest(self._train, users, self._settings.max_length, self._network.item_count)
        vectors: torch.Tensor = self._average(*histories.inputs(self._average.inputs, self._device))
        return vectors

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        arrays = arrays_of("network", self._network.state_dict()) | arrays_of("adam", self._optimizer)
        arrays |= arrays_of("average", self._average.network.state_dict())
        return arrays | {"epoch": np.array(self._epoch), "steps": np.array(self._steps)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._epoch, self._steps = int(state["epoch"]), int(state["steps"])
        self._network.load_state_dict(tensors_under("network", state))
        self._average.network.load_state_dict(tensors_under("average", state))
        restore_optimizer(self._optimizer, tensors_under("adam", state))

    def inherit(self, predecessor: Predecessor) -> None:
        """See `Heir`: the network, with the vectors of the items that both know."""
        for network in (self._network, self._average.network):
            take_over(
                network,
                predecessor,
                self._settings,
                tables={"items.weight": predecessor.item_rows},
                weights={**predecessor.weights, "items.weight": predecessor.item_vectors},
            )

    @torch.inference_mode()
    def serving(self) -> Serving:
        """See `Model`; somebody without a history gets the mean of the others' vectors."""
        users = np.arange(self._train.user_count)
        parts = [self._encode(users[start : start + _TOGETHER]).cpu() for start in range(0, len(users), _TOGETHER)]
        vectors = torch.cat(parts).numpy()
        known = self._train.counts > 0
        vectors[~known] = vectors[known].mean(axis=0)
        encoder = copy.deepcopy(self._average).cpu()
        inputs, length = encoder.inputs, self._settings.max_length
        onnx = to_onnx(encoder, inputs, self._network.item_count, length)
        items = encoder.network.item_vectors.numpy().copy()
        weights = weights_of(encoder.network, without=["items.weight"])
        return Serving(vectors, items, OnnxEncoder(length, inputs), onnx, learned=Learned(weights))


def _dtype(precision: str, device: str) -> torch.dtype:
    """What products are taken in; a processor without bfloat16 would only emulate it."""
    if precision == "auto":
        if device == "cuda":
            fast = torch.cuda.is_bf16_supported()
        else:
            capabilities = torch.cpu.get_capabilities()
            fast = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def sequence_family(
    *,
    name: str,
    summary: str,
    settings: type[SequenceSettings],
    network: Callable[[Any, int], SequenceNetwork],
    kept_numbers: Callable[[Any], int],
    quick: Mapping[str, Any],
) -> Family:
    """A family of the shared training.

    Parameters
    ----------
    network : callable
        (settings, number of items) to the network.
    kept_numbers : callable
        Settings to how many numbers a step keeps of each position for its backward pass, about.
    """

    def make(
        chosen: SequenceSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str
    ) -> SequenceModel:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made = network(chosen, catalogue.item_count)
        return SequenceModel(made, chosen, train, seed, device)

    def memory_bytes(chosen: SequenceSettings, users: int, items: int, interactions: int) -> int:
        # The table of items dominates the weights: itself, its gradient, both moments, the average, and the best state.
        tables = 10 * items * chosen.dimension * 4
        step = chosen.batch_positions * kept_numbers(chosen) * 4
        return tables + step + interactions * 24 + users * (chosen.dimension * 4 + 8)

    return Family(
        name=name,
        summary=summary,
        settings=settings,
        make=make,
        memory_bytes=memory_bytes,
        ordered=True,
        onward_share=_ONWARD_SHARE,
        data_parallel=True,
        inherits="weights",
        quick={"max_length": 50, "batch_positions": 2048, **quick},
    )
