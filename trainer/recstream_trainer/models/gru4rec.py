"""GRU4Rec (Hidasi et al. 2016): a gated recurrent unit over the history."""

from typing import Final

from recstream_trainer.models.recurrent import recurrent_family

FAMILY: Final = recurrent_family("gru4rec", "a gated recurrent unit over the history (GRU4Rec), full softmax", "gru")
