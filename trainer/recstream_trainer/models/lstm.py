"""A long short-term memory over the history: GRU4Rec with the older cell."""

from typing import Final

from recstream_trainer.models.recurrent import recurrent_family

FAMILY: Final = recurrent_family("lstm", "a long short-term memory over the history, full softmax", "lstm")
