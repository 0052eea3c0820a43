import pytest
import torch
from recstream_trainer.training.device import choose_device

from recstream.errors import ConfigurationError


def test_auto_is_cuda_where_there_is_one() -> None:
    assert choose_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_where_there_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="finds no CUDA device"):
        choose_device("cuda")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--device tpu: must be auto, cpu or cuda"):
        choose_device("tpu")
