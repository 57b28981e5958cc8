"""Two machines and the wire between them, on one Linux machine: for faults that loopback does not have.

    unshare -n python -m tests.fakes.netlab SCENARIO      # prints one JSON object, see tests/unit/netlab_scenarios.py

The client runs in the network namespace that `unshare -n` made, a fault server in another, and every packet between
them passes through `Wire`, which drops, delays and queues as it is told. No traffic control of the kernel is needed:
both ends are tun devices, read and written here.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import mmap
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from typing import Any, Callable, Dict, List, Optional, Tuple

HERE, THERE = "10.77.0.1", "10.77.0.2"
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def why_impossible() -> str:
    """Why this machine cannot run scenarios; empty when it can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    try:
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", "ip link set lo up && ip tuntap add nap0 mode tun"],
            capture_output=True, text=True, timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"no network namespace can be made here: {exc}"
    return f"no network of its own for a test here: {done.stderr.strip()[:200]}" if done.returncode else ""


class Wire:
    """The way between the two machines: `loss` is a share, `delay_s` and `jitter_s` are one way.

    `bytes_per_s` None is as fast as it goes. `cut` drops every packet from now on, `mend` ends that.
    """

    def __init__(
        self, *, loss: float = 0.0, delay_s: float = 0.0, jitter_s: float = 0.0, bytes_per_s: Optional[float] = None,
        seed: int = 7,
    ) -> None:
        self.loss, self.delay_s, self.jitter_s, self.bytes_per_s = loss, delay_s, jitter_s, bytes_per_s
        self._random = random.Random(seed)
        self._shared = mmap.mmap(-1, 8)  # one byte says whether it is cut

    def cut(self) -> None:
        """From now on nothing arrives anywhere."""
        self._shared[0] = 1

    def mend(self) -> None:
        """Packets pass again."""
        self._shared[0] = 0

    def carry(self, ends: Tuple[int, int]) -> None:
        """Carries packets for ever; runs in a process of its own."""
        waiting: List[Tuple[float, int, int, bytes]] = []
        free_at = {end: 0.0 for end in ends}
        count = 0
        while True:
            pause = None if not waiting else max(0.0, waiting[0][0] - time.monotonic())
            ready, _, _ = select.select(ends, [], [], pause)
            now = time.monotonic()
            for end in ready:
                packet = os.read(end, 65536)
                if self._shared[0] or self._random.random() < self.loss:
                    continue
                other = ends[1] if end == ends[0] else ends[0]
                leaves_at = max(now, free_at[end])
                if self.bytes_per_s is not None:
                    if leaves_at - now > 3.0:
                        continue  # as a real line: what does not fit into its buffer is lost
                    leaves_at += len(packet) / self.bytes_per_s
                free_at[end] = leaves_at
                count += 1
                jitter = self._random.uniform(-self.jitter_s, self.jitter_s)
                heapq.heappush(waiting, (leaves_at + max(0.0, self.delay_s + jitter), count, other, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, other, packet = heapq.heappop(waiting)
                if not self._shared[0]:
                    os.write(other, packet)


class Lab:
    """The two machines: `server_side(call)` runs on the other one and answers questions by `ask`."""

    def __init__(self, wire: Wire, make_server: Callable[[str], Any]) -> None:  # Any: one of tests.fakes' servers
        self.wire = wire
        near, far = socket.socketpair()
        self._questions = near
        here = _tun("nap0", HERE, THERE)
        if not os.fork():
            near.close()
            os.close(here)
            _child(lambda: _serve_there(far, make_server))
        far.close()
        _, fds, _, _ = socket.recv_fds(near, 16, 1)
        there = fds[0]
        if not os.fork():
            near.close()
            _child(lambda: wire.carry((here, there)))
        os.close(there)
        os.close(here)
        self.port = int(self._ask("port"))

    @property
    def url(self) -> str:
        """The server on the other machine."""
        return f"http://{THERE}:{self.port}"

    def requests(self) -> List[Dict[str, Any]]:  # any JSON
        """What has arrived there so far: path and size of the body."""
        found: List[Dict[str, Any]] = self._ask("requests")
        return found

    def _ask(self, question: str) -> Any:  # any JSON
        self._questions.sendall(question.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self._questions.recv(65536)
            if not piece:
                raise EOFError("the other machine is gone")
            answer += piece
        return json.loads(answer)


def _child(work: Callable[[], None]) -> None:
    ctypes.CDLL(None).prctl(1, 9)  # it dies with its parent
    try:
        work()
    finally:  # the process ends here, whatever it was
        traceback.print_exc()
        os._exit(1)


def _serve_there(questions: socket.socket, make_server: Callable[[str], Any]) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    end = _tun("nap1", THERE, HERE)
    socket.send_fds(questions, [b"x"], [end])
    server = make_server(THERE)
    server.start()
    with questions.makefile("rb") as lines:
        for line in lines:
            answer: Any = server.port if line.strip() == b"port" else [
                {"path": one.path, "size": len(one.body)} for one in server.requests
            ]
            questions.sendall(json.dumps(answer).encode() + b"\n")


def _tun(name: str, own: str, peer: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    for command in (f"addr add {own} peer {peer} dev {name}", f"link set {name} up", "link set lo up"):
        subprocess.run(["ip", *command.split()], check=True)
    return end


def main() -> None:
    """Runs one scenario; whatever goes wrong ends in a traceback and a code that is not 0."""
    from tests.unit import netlab_scenarios

    watchdog = threading.Timer(100, lambda: os._exit(3))
    watchdog.daemon = True
    watchdog.start()
    print(json.dumps(getattr(netlab_scenarios, sys.argv[1])()), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
