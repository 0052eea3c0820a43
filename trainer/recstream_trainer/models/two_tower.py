"""Two towers: items from id and content, users from their history (Yi et al. 2019, Yang et al. 2020)."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from recstream.bundle import OnnxEncoder
from recstream.errors import DataError
from recstream_trainer.datasets.images import FILE, VECTOR
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.epoch_share import tell
from recstream_trainer.models.model import Family, FamilySettings, Serving
from recstream_trainer.models.neural.content_reader import ContentReader, inherited_content, read_content
from recstream_trainer.models.neural.inherited_weights import take_over, weights_of
from recstream_trainer.models.neural.onnx_export import to_onnx
from recstream_trainer.models.neural.optimizer_state import arrays_of, restore_optimizer, tensors_under
from recstream_trainer.models.neural.pair_batches import PairBatch, pair_batches, step_count
from recstream_trainer.models.neural.sampled_softmax import columns_of, log_shares, sampled_softmax_loss
from recstream_trainer.models.neural.towers import INPUTS, ServedEncoder, Towers, require_same_images, user_vectors
from recstream_trainer.models.neural.windows import newest
from recstream_trainer.models.predecessor import Predecessor
from recstream_trainer.peers import present_peers

_TOGETHER: Final = 256
_IDS: Final = "ids.weight"


class TwoTowerSettings(FamilySettings):
    """Settings of `two_tower`."""

    dimension: int = Field(default=64, ge=1, le=2048, description="numbers in a vector")
    hidden: int = Field(default=128, ge=1, description="numbers of the towers' hidden layers")
    text_dimension: int = Field(default=32, ge=1, le=2048, description="numbers that the words are reduced to")
    id_dropout: float = Field(default=0.2, ge=0, le=1, description="share of the items that a step sees without id")
    max_length: int = Field(default=100, ge=1, le=2048, description="items of a history that are read")
    short_histories: float = Field(
        default=0.0, ge=0, le=1, description="share of the users of a step of whom only a random few items are read"
    )
    learning_rate: float = Field(default=0.002, gt=0, description="of AdamW")
    weight_decay: float = Field(default=0.01, ge=0, description="of AdamW")
    batch_users: int = Field(default=256, ge=2, description="users that a step learns from")
    targets: int = Field(default=8, ge=1, description="items to find of a user in a step, at most")
    uniform_negatives: int = Field(default=1024, ge=0, description="negatives drawn evenly, beside those of the batch")
    image_size: int = Field(default=64, ge=8, le=512, description="pixels to a side that pictures are brought to")
    images_per_step: int = Field(default=256, ge=1, description="pictures that a step learns from, at most")
    frozen_epochs: int = Field(default=2, ge=0, description="epochs after --init-from that learn ids only")
    inherited_rate: float = Field(
        default=0.3, ge=0, le=1, description="learning rate of what --init-from brought, as a share, after these epochs"
    )


class TwoTowerModel:
    """See `recstream_trainer.models.Model`. An epoch finds about as many pairs as there are interactions."""

    def __init__(
        self, settings: TwoTowerSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str
    ) -> None:
        if not (train.counts > 1).any():
            raise DataError("--model two_tower: nobody has two items, one to read and one to find; try tfidf")
        self._settings, self._train, self._seed, self._device = settings, train, seed, device
        self._catalogue = catalogue
        self._counts = torch.from_numpy(np.bincount(train.items, minlength=catalogue.item_count)).to(device)
        self._epoch = 0
        self._peers = present_peers()
        self._begin(None)

    def _begin(self, inherited: ContentReader | None) -> None:
        """Make the towers; what they inherit in all but ids learns at a rate of its own."""
        settings, known = self._settings, self._counts.cpu().numpy() > 0
        self._content, features = read_content(
            self._catalogue,
            known,
            text_dimension=settings.text_dimension,
            image_size=settings.image_size,
            seed=self._seed,
            inherited=inherited,
        )
        with torch.random.fork_rng():
            torch.manual_seed(self._seed)
            towers = Towers(
                features,
                dimension=settings.dimension,
                hidden=settings.hidden,
                id_dropout=settings.id_dropout,
                images_per_step=settings.images_per_step,
            )
        self._towers = towers.to(self._device)
        shared = [parameter for name, parameter in towers.named_parameters() if name != _IDS]
        self._optimizer = torch.optim.AdamW(
            [dict[str, Any](params=[towers.ids.weight]), dict[str, Any](params=shared)],
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        self._inherited = inherited is not None

    def inherit(self, predecessor: Predecessor) -> None:
        """See `Heir`; items that are new begin as what their text and attributes say of them."""
        content, weights = inherited_content(predecessor)
        self._begin(content)
        require_same_images(self._towers, weights)
        torch.nn.init.zeros_(self._towers.ids.weight)
        tables = {_IDS: predecessor.item_rows, "values.weight": np.arange(len(content.values))}
        take_over(self._towers, predecessor, self._settings, tables=tables, weights=weights)

    def run_epoch(self) -> float:
        """See `Model`; the loss is the mean cross-entropy among the sampled items, in nats."""
        settings = self._settings
        if self._inherited:
            share = settings.inherited_rate if self._epoch >= settings.frozen_epochs else 0.0
            self._optimizer.param_groups[1]["lr"] = settings.learning_rate * share
        rng = np.random.default_rng([self._seed, self._epoch])
        with torch.random.fork_rng():
            torch.manual_seed(int(rng.integers(2**62)) + self._peers.rank)
            self._towers.train()
            self._towers.refresh()
            batches = pair_batches(
                self._train,
                rng,
                batch_users=settings.batch_users,
                targets=settings.targets,
                length=settings.max_length,
                negatives=settings.uniform_negatives,
                shortened=settings.short_histories,
            )
            losses, steps = [], step_count(self._train, settings.batch_users, settings.targets)
            for batch in batches:
                losses.append(self._step(batch))
                tell(len(losses), steps)
        self._epoch += 1
        return self._peers.sums(sum(losses))[0] / len(losses)

    def _step(self, batch: PairBatch) -> float:
        """Learn from a batch of users: this process's share of the loss, that of its part of them."""
        mine = batch.of(self._peers.part(len(batch.rows)))
        share = 0.0
        if len(mine.rows):
            loss = self._loss(mine.to(self._device), batch.targets.to(self._device))
            loss = loss * (mine.importance.sum() / batch.importance.sum()).item()
            loss.backward()  # type: ignore[no-untyped-call]
            share = loss.item()
        self._peers.add_gradients(self._towers.parameters())
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return share

    def _loss(self, mine: PairBatch, drawn: torch.Tensor) -> torch.Tensor:
        """The loss of a part of a batch, among the targets of the whole batch and the evenly drawn items."""
        candidates = torch.unique(torch.cat([drawn, mine.uniform]))
        items, place = torch.unique(torch.cat([candidates, mine.rows.flatten()]), return_inverse=True)
        vectors = self._towers.items(items)
        read = vectors[place[len(candidates) :].view(mine.rows.shape)]
        users = user_vectors(self._towers.user_tower, read, mine.weights)
        shares = log_shares(self._counts[candidates], self._counts, len(drawn), len(mine.uniform))
        columns, there = columns_of(candidates, mine.had_items)
        return sampled_softmax_loss(
            users @ vectors[place[: len(candidates)]].T - shares,
            mine.owners,
            torch.searchsorted(candidates, mine.targets),
            mine.importance,
            (mine.had_owners[there], columns),
        )

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    @torch.inference_mode()
    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        items = self._item_vectors()
        scores: NDArray[np.float32] = (self._encode(users, items) @ items.T).cpu().numpy()
        return scores

    def _item_vectors(self) -> torch.Tensor:
        self._towers.eval()
        self._towers.refresh()
        return self._towers.items(torch.arange(len(self._counts), device=self._device))

    def _encode(self, users: NDArray[np.int64], items: torch.Tensor) -> torch.Tensor:
        histories = newest(self._train, users, self._settings.max_length, len(self._counts))
        vectors: torch.Tensor = ServedEncoder(items, self._towers.user_tower)(*histories.inputs(INPUTS, self._device))
        return vectors

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        arrays = arrays_of("towers", self._towers.state_dict()) | arrays_of("adam", self._optimizer)
        return arrays | {"epoch": np.array(self._epoch)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._epoch = int(state["epoch"])
        self._towers.load_state_dict(tensors_under("towers", state))
        restore_optimizer(self._optimizer, tensors_under("adam", state))

    @torch.inference_mode()
    def serving(self) -> Serving:
        """See `Model`; somebody without a history gets the mean of the others' vectors."""
        users, items = np.arange(self._train.user_count), self._item_vectors()
        parts = [self._encode(users[start : start + _TOGETHER], items) for start in range(0, len(users), _TOGETHER)]
        vectors = torch.cat(parts).cpu().numpy()
        known = self._train.counts > 0
        vectors[~known] = vectors[known].mean(axis=0)
        length = self._settings.max_length
        encoder = ServedEncoder(items.cpu(), self._towers.cpu().user_tower).eval()
        onnx = to_onnx(encoder, INPUTS, len(items), length)
        self._towers.to(self._device)
        learned = self._content.learned(weights_of(self._towers))
        return Serving(vectors, items.cpu().numpy().copy(), OnnxEncoder(length, INPUTS), onnx, learned=learned)


def _memory_bytes(settings: TwoTowerSettings, users: int, items: int, interactions: int) -> int:
    # Words as text; the table of ids with gradient, moments and the best state; a step's histories and scores.
    words = items * (20 * 80 + settings.text_dimension * 24)
    table = items * settings.dimension * 4 * 7
    candidates = settings.batch_users * settings.targets + settings.uniform_negatives
    step = settings.batch_users * (settings.max_length * settings.dimension + candidates) * 4 * 3
    return words + table + step + interactions * 24 + users * settings.dimension * 4


def _image_bytes(settings: TwoTowerSettings, catalogue: Catalogue) -> int:
    # Vectors as read and as kept; pixels, and what the network's layers make of those in a step, with gradients.
    vectors, pictures, pixels = 0, 0, settings.image_size**2
    if VECTOR in catalogue.images.columns:
        vectors = int(catalogue.images[VECTOR].list.len().sum()) * 8
    if FILE in catalogue.images.columns:
        pictures = catalogue.images[FILE].drop_nulls().len()
    return vectors + pictures * pixels * 3 + min(pictures, settings.images_per_step) * pixels * 120


FAMILY: Final = Family(
    name="two_tower",
    summary="hybrid: items from id, text, attributes, images, users from their history; new items from content",
    settings=TwoTowerSettings,
    make=TwoTowerModel,
    memory_bytes=_memory_bytes,
    image_bytes=_image_bytes,
    fades=True,
    inherits="content",
    data_parallel=True,
    quick={"dimension": 32, "hidden": 32, "text_dimension": 16, "uniform_negatives": 256, "image_size": 32},
)
