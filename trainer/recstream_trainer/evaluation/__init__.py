"""Hold-out protocols, ranking metrics and the report about them."""

from recstream_trainer.evaluation.interactions import Interactions
from recstream_trainer.evaluation.metrics import evaluate_ranking
from recstream_trainer.evaluation.protocols import Split, holdout_by_time, split

__all__ = ["Interactions", "Split", "evaluate_ranking", "holdout_by_time", "split"]
