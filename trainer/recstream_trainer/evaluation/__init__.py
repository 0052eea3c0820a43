"""Hold-out protocols, ranking metrics and the report about them."""

from recstream_trainer.evaluation.interactions import Interactions
from recstream_trainer.evaluation.judged_model import JudgedModel, judge
from recstream_trainer.evaluation.metrics import evaluate_ranking
from recstream_trainer.evaluation.protocols import PROTOCOLS, Protocol, Split, holdout_by_time, split
from recstream_trainer.evaluation.report import report_files, summary_of, write_report

__all__ = [
    "PROTOCOLS",
    "Interactions",
    "JudgedModel",
    "Protocol",
    "Split",
    "evaluate_ranking",
    "holdout_by_time",
    "judge",
    "report_files",
    "split",
    "summary_of",
    "write_report",
]
