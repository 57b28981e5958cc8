"""Runs one blocking call on a daemon thread of its own and awaits it. Called on the loop thread.

For the few blocking things of the transport: name lookups, system proxy settings, reading certificates, very large
JSON. Not an executor, for two reasons: a pool's threads are joined when the interpreter ends, so that one hung name
server would hold the host open; and a pool cannot be started any more once the interpreter is ending.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Callable, TypeVar

T = TypeVar("T")


async def in_daemon_thread(function: Callable[[], T]) -> T:
    """What `function()` returns or raises. Cancelling the await abandons the thread, which ends by itself."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        if not future.done():
            settle()

    def post(settle: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(deliver, settle)
        except RuntimeError:  # the loop was closed meanwhile: nobody waits any more
            pass

    def run() -> None:
        try:
            result = function()
        except Exception as exc:  # noqa: BLE001 -- not stopped here: it is raised where the result is awaited
            error = exc
            post(lambda: future.set_exception(error))
        else:
            post(lambda: future.set_result(result))

    threading.Thread(target=run, name="nuke-ai-blocking-call", daemon=True).start()
    return await future
