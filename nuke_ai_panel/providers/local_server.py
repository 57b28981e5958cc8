"""The child process that runs the built-in model: llama.cpp's own HTTP server on loopback. Run, never imported.

It is started by file, with whatever interpreter has `xllamacpp`, so it imports nothing of ours and works on any Python
(to say what is missing). Its first line of standard input is its orders, the key among them: an argument would show
the key to every user of the machine. The pipe then stays open: when it ends, so does this process, for then its parent
is gone. Standard output carries one JSON line, `{"state": "ready", "url": …}` or `{"state": "failed", …}`; all else
goes to standard error, which is the log.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import threading
from typing import IO, Any

_OLDEST_PYTHON = (3, 10)
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serves until standard input ends."""
    reports = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp may print
    orders = json.loads(sys.stdin.buffer.readline().decode("utf-8"))
    _end_with_parent()
    try:
        server = _serve(orders)
    except ImportError as exc:
        _report(reports, state="failed", reason="library", message=str(exc), python=sys.version.split()[0])
        return 3
    except Exception as exc:  # noqa: BLE001 -- not swallowed: the parent reports it as its own
        _report(reports, state="failed", reason="model", message=str(exc))
        return 4
    _report(reports, state="ready", url=server.listening_address)
    threading.Event().wait()
    return 0


def _serve(orders: Any) -> Any:  # Any: both belong to xllamacpp, which has no types
    """A running server that has loaded its model. Holds the interpreter's lock while it loads."""
    if sys.version_info < _OLDEST_PYTHON:
        raise ImportError("this Python is too old")
    xllamacpp = importlib.import_module("xllamacpp")  # the optional dependency, and this process's whole reason

    params = xllamacpp.CommonParams()
    params.model.path = orders["model"]
    params.model_alias = {orders["alias"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [orders["api_key"]]
    params.n_ctx = orders["n_ctx"] * orders["parallel"]
    params.n_parallel = orders["parallel"]
    params.n_gpu_layers = orders["gpu_layers"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders["threads"]
    params.cache_ram_mib = orders["cache_mib"]
    params.ui = params.endpoint_slots = False
    return xllamacpp.Server(params)


def _end_with_parent() -> None:
    """From now on this process ends when its parent does, even one that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the chat, which stops us itself
    if sys.platform.startswith("linux"):
        # This works even while a model loads and no Python thread can run.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_exit_at_end_of_input, name="parent-watch", daemon=True).start()


def _exit_at_end_of_input() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    os._exit(0)


def _report(reports: IO[str], **facts: str) -> None:
    reports.write(json.dumps(facts) + "\n")
    reports.flush()


if __name__ == "__main__":
    sys.exit(main())
