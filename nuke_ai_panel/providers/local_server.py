"""The child process that runs the built-in model: llama.cpp's own HTTP server on loopback. Run, never imported.

It is started by file, with whatever interpreter has `xllamacpp`, so it imports nothing of ours and works on any Python
(to say what is missing). Its first line of standard input is its orders, the key among them: an argument would show
the key to every user of the machine. The pipe then stays open: when it ends, so does this process, for then its parent
is gone. Standard output carries one JSON line, `{"state": "ready", "url": …}` or `{"state": "failed", …}`; all else
goes to standard error, which is the log.

llama.cpp's server closes the connection after every streamed answer. The relay in front of it keeps ours: it passes
each request on over a connection of its own, the answer back byte by byte, and a hang-up through at once.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from typing import IO, Any, List, Optional, Tuple

_OLDEST_PYTHON = (3, 10)
_PR_SET_PDEATHSIG = 1
_HEAD_LIMIT_BYTES = 1 << 16
_READ_BYTES = 1 << 16


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
    _report(reports, state="ready", url=_relay_to(server.listening_address))
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


def _relay_to(url: str) -> str:
    """The address of a relay to `url`, which listens from now on."""
    host, _, port = url.rpartition("/")[2].rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    target = (host, int(port))
    threading.Thread(target=_accept, args=(listener, target), name="relay", daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket, target: Tuple[str, int]) -> None:
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve_client, args=(client, target), daemon=True).start()


def _serve_client(client: socket.socket, target: Tuple[str, int]) -> None:
    """Requests of one connection, one after another, until either side has enough."""
    try:
        with client, client.makefile("rb") as requests:
            while True:
                head, length = _read_head(requests)
                if not head:
                    return
                with socket.create_connection(target) as upstream:
                    upstream.sendall(head[:-2] + b"Connection: close\r\n\r\n" + requests.read(length))
                    if not _pass_back(client, upstream):
                        return
    except (OSError, ValueError):
        return  # a side is gone, or it does not speak HTTP


def _read_head(requests: IO[bytes]) -> Tuple[bytes, int]:
    """A request's head without its wish for the connection, and the length of its body. Empty at the end."""
    lines: List[bytes] = []
    length = 0
    while True:
        line = requests.readline(_HEAD_LIMIT_BYTES)
        if not line or len(lines) > 100:
            return b"", 0
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if name.lower() != b"connection":
            lines.append(line)
        if line in (b"\r\n", b"\n"):
            return b"".join(lines), length


def _pass_back(client: socket.socket, upstream: socket.socket) -> bool:
    """Sends the answer on until its end; False when the client hung up first, which stops the model."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = _next(client, upstream)
        if not data or len(head) > _HEAD_LIMIT_BYTES:
            return False
        head += data
    head, blank, data = head.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"keep-alive:"))]
    client.sendall(b"\r\n".join(kept) + blank + data)
    while True:
        data = _next(client, upstream)
        if data is None:
            return False
        if not data:
            return True
        client.sendall(data)


def _next(client: socket.socket, upstream: socket.socket) -> Optional[bytes]:
    """What the model's server says next, empty at its end; None when the client hung up."""
    readable, _, _ = select.select([client, upstream], [], [])
    if client in readable and not client.recv(1, socket.MSG_PEEK):
        return None
    return upstream.recv(_READ_BYTES)


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
