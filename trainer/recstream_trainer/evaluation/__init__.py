"""Hold-out protocols, ranking metrics and the report about them."""

from recstream_trainer.evaluation.bundled_model import judge_bundle
from recstream_trainer.evaluation.interactions import Interactions
from recstream_trainer.evaluation.judged_model import JudgedModel, judge
from recstream_trainer.evaluation.metrics import evaluate_ranking
from recstream_trainer.evaluation.protocols import PROTOCOLS, Protocol, Split, holdout_by_time, require_protocol, split
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
    "judge_bundle",
    "report_files",
    "require_protocol",
    "split",
    "summary_of",
    "write_report",
]
