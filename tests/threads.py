"""A service on a thread of the test."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def serving(serve: Callable[[threading.Event], None], *, within_s: float = 20.0) -> Iterator[threading.Event]:
    """Runs `serve` until the block ends or sets the event that it is given; what it raises fails the test, and so does
    one that takes longer to stop."""
    stop, failures = threading.Event(), list[BaseException]()

    def work() -> None:
        try:
            serve(stop)
        except BaseException as error:
            failures.append(error)
            raise

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        began = time.monotonic()
        thread.join(timeout=max(10.0, within_s))
        took = time.monotonic() - began
    assert not failures, failures
    assert not thread.is_alive()
    assert took < within_s
