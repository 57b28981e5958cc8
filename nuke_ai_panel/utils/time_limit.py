"""Ends what takes too long on the thread that it runs on: an exception is raised in the middle of it.

For code that nobody can ask to stop, such as the body of a module that is imported. It is reached between two steps of
Python; a call that waits in C, such as a long sleep, returns first.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from typing import Iterator, List, Type


@contextmanager
def ended_after(seconds: float, error: Type[BaseException]) -> Iterator[None]:
    """Raises `error` inside after `seconds`. Afterwards nothing is raised any more."""
    thread = ctypes.c_ulong(threading.get_ident())
    lock = threading.Lock()
    is_over: List[bool] = []

    def end() -> None:
        with lock:
            if not is_over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(error))

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            is_over.append(True)
            # Takes back what was not raised yet.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
        timer.cancel()
        timer.join()
