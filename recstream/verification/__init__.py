"""Whether a running server answers as the trainer and the bundle say that it should."""

from recstream.verification.comparison import Comparison, verify
from recstream.verification.trainer_answers import FILE, TrainerAnswers, UserAnswer

__all__ = ["FILE", "Comparison", "TrainerAnswers", "UserAnswer", "verify"]
