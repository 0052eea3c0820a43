"""Training of autoencoders: from what somebody has, as a set, to what they might have as well."""

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from recstream.bundle import OnnxEncoder
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.epoch_share import tell
from recstream_trainer.models.model import Family, Learned, Serving
from recstream_trainer.models.neural.inherited_weights import take_over, weights_of
from recstream_trainer.models.neural.onnx_export import to_onnx
from recstream_trainer.models.neural.optimizer_state import arrays_of, restore_optimizer, tensors_under
from recstream_trainer.models.neural.set_network import AutoencoderSettings, SetNetwork
from recstream_trainer.models.neural.weight_average import follow
from recstream_trainer.models.neural.windows import newest
from recstream_trainer.models.predecessor import Predecessor
from recstream_trainer.peers import present_peers

_TOGETHER: Final = 256
INPUTS: Final = ("rows", "weights")
_TABLES: Final = ("read.weight", "write.weight", "write.bias")
"""The parameters with a row for each item."""


class AutoencoderModel:
    """See `recstream_trainer.models.Model`. An epoch is a pass over the users that have items.

    What is judged and exported is a moving average of the weights.
    """

    def __init__(
        self, network: SetNetwork, settings: AutoencoderSettings, train: Interactions, seed: int, device: str
    ) -> None:
        self._network, self._settings, self._train, self._seed, self._device = network, settings, train, seed, device
        self._network.to(device)
        self._average = copy.deepcopy(self._network).requires_grad_(requires_grad=False).eval()
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._epoch = 0
        self._steps = 0
        self._peers = present_peers()

    def run_epoch(self) -> float:
        """See `Model`; the loss is the network's own."""
        rng = np.random.default_rng([self._seed, self._epoch])
        users = rng.permutation(np.flatnonzero(self._train.counts))
        total = 0.0
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**62)) + self._peers.rank)
            self._network.train()
            for start in range(0, len(users), self._settings.batch_users):
                batch = users[start : start + self._settings.batch_users]
                total += self._step(batch)
                tell(start + len(batch), len(users))
        self._epoch += 1
        return self._peers.sums(total)[0] / len(users)

    def _step(self, users: NDArray[np.int64]) -> float:
        """Learn from a batch of users: the sum of the losses of this process's part of them."""
        mine = users[self._peers.part(len(users))]
        total = 0.0
        if len(mine):
            rows, weights = self._sets(mine)
            scores = self._network.from_sets(rows, weights) @ self._network.item_vectors.T
            loss = self._network.loss(scores, rows, weights, self._steps)
            (loss * (len(mine) / len(users))).backward()  # type: ignore[no-untyped-call]
            total = loss.item() * len(mine)
        self._peers.add_gradients(self._network.parameters())
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._steps += 1
        follow(self._average, self._network, steps=self._steps, averaging=self._settings.averaging)
        return total

    def _sets(self, users: NDArray[np.int64]) -> list[torch.Tensor]:
        histories = newest(self._train, users, self._settings.max_length, self._network.item_count)
        return histories.inputs(INPUTS, self._device)

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    @torch.inference_mode()
    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        scores: NDArray[np.float32] = (self._encode(users) @ self._average.item_vectors.T).cpu().numpy()
        return scores

    def _encode(self, users: NDArray[np.int64]) -> torch.Tensor:
        return self._average.from_sets(*self._sets(users))

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        arrays = arrays_of("network", self._network.state_dict()) | arrays_of("adam", self._optimizer)
        arrays |= arrays_of("average", self._average.state_dict())
        return arrays | {"epoch": np.array(self._epoch), "steps": np.array(self._steps)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._epoch, self._steps = int(state["epoch"]), int(state["steps"])
        self._network.load_state_dict(tensors_under("network", state))
        self._average.load_state_dict(tensors_under("average", state))
        restore_optimizer(self._optimizer, tensors_under("adam", state))

    def inherit(self, predecessor: Predecessor) -> None:
        """See `Heir`: the network, with what it reads and writes of the items that both know."""
        for network in (self._network, self._average):
            take_over(
                network,
                predecessor,
                self._settings,
                tables=dict.fromkeys(_TABLES, predecessor.item_rows),
                weights=predecessor.weights,
            )

    @torch.inference_mode()
    def serving(self) -> Serving:
        """See `Model`; somebody without a history gets the mean of the others' vectors."""
        users = np.arange(self._train.user_count)
        parts = [self._encode(users[start : start + _TOGETHER]).cpu() for start in range(0, len(users), _TOGETHER)]
        vectors = torch.cat(parts).numpy()
        known = self._train.counts > 0
        vectors[~known] = vectors[known].mean(axis=0)
        items = self._average.item_vectors.cpu().numpy().copy()
        length = self._settings.max_length
        onnx = to_onnx(copy.deepcopy(self._average).cpu(), INPUTS, self._average.item_count, length)
        learned = Learned(weights_of(self._average))
        return Serving(vectors, items, OnnxEncoder(length, INPUTS), onnx, learned=learned)


def autoencoder_family(
    *,
    name: str,
    summary: str,
    settings: type[AutoencoderSettings],
    network: Callable[[int, Any], SetNetwork],
    quick: Mapping[str, Any],
) -> Family:
    """A family of the shared training.

    Parameters
    ----------
    network : callable
        (number of items, settings) to the network.
    """

    def make(
        chosen: AutoencoderSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str
    ) -> AutoencoderModel:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made = network(catalogue.item_count, chosen)
        return AutoencoderModel(made, chosen, train, seed, device)

    return Family(
        name=name,
        summary=summary,
        settings=settings,
        make=make,
        memory_bytes=_memory_bytes,
        inherits="weights",
        data_parallel=True,
        quick=quick,
    )


def _memory_bytes(settings: AutoencoderSettings, users: int, items: int, interactions: int) -> int:
    # Both tables with gradient, moments, average and the best state; a step's sets and scores, three times each.
    step = settings.batch_users * 6 * items * 4
    return 2 * items * settings.hidden * 4 * 9 + step + interactions * 24 + users * settings.hidden * 4
