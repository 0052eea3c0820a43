import threading
from collections.abc import Iterator

import pytest
import torch
from recstream_trainer.models.parallel import in_parallel


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_pieces(threads: int) -> None:
    assert in_parallel(lambda piece: piece * piece, range(50)) == [piece * piece for piece in range(50)]
    assert torch.get_num_threads() == threads


def test_every_thread_works_on_a_piece_of_its_own(threads: int) -> None:
    together = threading.Barrier(threads)

    def meet(_: int) -> int:
        together.wait(20)
        return threading.get_ident()

    assert len(set(in_parallel(meet, range(threads)))) == threads


def test_an_error_comes_through_and_leaves_the_threads_as_they_were(threads: int) -> None:
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda piece: 1 // piece, [1, 0, 2])
    assert torch.get_num_threads() == threads
