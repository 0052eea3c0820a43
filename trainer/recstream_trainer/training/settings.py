"""Settings of the training loop."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Metric = Literal["ndcg@10", "recall@10", "hr@10", "mrr@10", "map@10", "auc"]


class TrainingSettings(BaseModel):
    """The ``[training]`` table of a config file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    max_epochs: int = Field(default=30, ge=1, description="passes over the data, at most")
    metric: Metric = Field(default="ndcg@10", description="what the validation split is judged by")
    evaluate_every: int = Field(default=1, ge=1, description="epochs between validations")
    patience: int = Field(default=5, ge=1, description="validations without a better one until training stops")
    validation_users: int = Field(
        default=2000, ge=1, description="users judged at a validation, at most; drawn by the seed"
    )
    refit: bool = Field(
        default=True, description="train again on everything, for the best number of epochs, where allowed"
    )
    checkpoint_every_s: float = Field(default=60, ge=0, description="seconds between checkpoints, at least")
