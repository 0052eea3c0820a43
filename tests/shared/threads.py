"""Work on many threads at once."""

import threading
from collections.abc import Callable


def run_together(*works: Callable[[], None]) -> None:
    """Run each on a thread of its own, all begun at once, and raise the first error."""
    together = threading.Barrier(len(works))
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            together.wait()
            work()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
