"""One running child process of the built-in model, and its log. Lives on the loop thread.

The child is started from the loop's thread and from no other: Linux kills it when the *thread* that started it ends.
Two daemon threads read its pipes and end with it; a forked child of ours never touches a process that is its parent's.
"""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import os
import re
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any, Deque, List, Mapping, Optional

from ..messages import Json
from .local_launch import Launch

log = logging.getLogger(__name__)

_LOG_LIMIT_BYTES = 1 << 20
_CHILD_FILE = Path(__file__).with_name("local_server.py")
# Runs a file without putting its folder on the path, where our http.py would shadow Python's own.
_BOOT = "import sys, runpy; sys.path[:] = filter(None, sys.path); runpy.run_path(sys.argv[1], run_name='__main__')"
_REAP_S = 0.5
_REAP_PAUSE_S = 0.005
_STAMP = re.compile(r"^[\d.]+ [A-Z] +")


class LocalServer:
    """A llama.cpp server for one model file. `url` is set once `start` has returned."""

    def __init__(self, model: Path, alias: str, launch: Launch, log_path: Path) -> None:
        self.api_key = secrets.token_hex(24)
        self.url = ""
        self.log_path = log_path
        self._model, self._alias, self._launch = model, alias, launch
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._pid = 0
        self._last_lines: Deque[str] = collections.deque(maxlen=20)
        self._readers: List[threading.Thread] = []
        self._report: Optional[asyncio.Future[Json]] = None

    async def start(self, timeout_s: float) -> Mapping[str, Json]:
        """Starts the child and waits for its one report: {"state": "ready"} or what failed.

        {"state": "failed", "reason": "died" | "timeout"} are ours. Raises OSError when it cannot be started at all.
        """
        self._report = asyncio.get_running_loop().create_future()
        process = self._spawn()
        orders = {
            "model": str(self._model), "alias": self._alias, "api_key": self.api_key, "n_ctx": self._launch.n_ctx,
            "threads": self._launch.threads, "parallel": self._launch.parallel,
            "gpu_layers": self._launch.gpu_layers, "cache_mib": self._launch.cache_mib,
        }
        try:
            _stream(process.stdin).write(json.dumps(orders).encode("utf-8") + b"\n")
            _stream(process.stdin).flush()
        except OSError:  # it has died already, and its report says so
            pass
        try:
            await asyncio.wait([self._report], timeout=timeout_s)
        finally:
            if not self._report.done():
                self._report.cancel()
        report: Mapping[str, Json] = {"state": "failed", "reason": "timeout"}
        if not self._report.cancelled():
            report = self._report.result()
        self.url = str(report.get("url", ""))
        if not self.url:
            await self.stop()
        return report

    def is_running(self) -> bool:
        """Whether the child lives and is ours."""
        return self._process is not None and self._pid == os.getpid() and self._process.poll() is None

    async def has_died(self) -> bool:
        """Whether the child has ended, with a moment's patience: a crash closes its sockets before it is over."""
        for _ in range(40):
            if not self.is_running():
                return True
            await asyncio.sleep(_REAP_PAUSE_S)
        return False

    def last_line(self) -> str:
        """The last thing that the child said, without its time stamp."""
        return self._last_lines[-1] if self._last_lines else "it said nothing"

    async def stop(self) -> None:
        """Ends the child and waits until it is gone. Idempotent; it holds nothing that could be lost."""
        process, self._process = self._process, None
        if process is None or self._pid != os.getpid():
            return
        process.kill()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _REAP_S
        while process.poll() is None or any(reader.is_alive() for reader in self._readers):
            if loop.time() > deadline:
                log.warning("the built-in model's process %d is slow to end", process.pid)
                break
            await asyncio.sleep(_REAP_PAUSE_S)
        try:
            _stream(process.stdin).close()
        except OSError:  # orders that it never read
            pass

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ)
        if os.path.realpath(self._launch.python) != os.path.realpath(sys.executable):
            environment.pop("PYTHONHOME", None)  # the host's own library is not that Python's
        # Any: the two systems take different arguments
        apart: Any = {"creationflags": 0x08000200} if sys.platform == "win32" else {"start_new_session": True}
        process = subprocess.Popen(
            [self._launch.python, "-u", "-c", _BOOT, str(_CHILD_FILE)], cwd=str(self.log_path.parent),
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **apart,
        )
        self._process, self._pid = process, os.getpid()
        loop = asyncio.get_running_loop()
        out, err = _stream(process.stdout), _stream(process.stderr)
        logging_on = threading.Thread(target=self._read_log, args=[err], name="nuke-ai-local-log", daemon=True)
        logging_on.start()
        reporting = threading.Thread(
            target=self._read_report, args=[out, loop, logging_on], name="nuke-ai-local-report", daemon=True
        )
        reporting.start()
        self._readers = [logging_on, reporting]
        return process

    def _read_report(self, pipe: IO[bytes], loop: asyncio.AbstractEventLoop, log_reader: threading.Thread) -> None:
        """Own thread: hands the child's one line to the loop."""
        with pipe:
            line = pipe.readline()
            if not line:
                log_reader.join(0.2)  # so that its last words are known
            try:
                report = json.loads(line)
            except ValueError:
                report = {"state": "failed", "reason": "died"}
            try:
                loop.call_soon_threadsafe(self._deliver, report)
            except RuntimeError:  # the loop is gone, and so is whoever waited
                pass

    def _deliver(self, report: Json) -> None:
        if self._report is not None and not self._report.done():
            self._report.set_result(report)

    def _read_log(self, pipe: IO[bytes]) -> None:
        """Own thread: keeps the child's words, at most two files of them."""
        with pipe, _CappedLog(self.log_path) as file:
            for raw in pipe:
                line = raw.decode("utf-8", "replace").rstrip()
                if line:
                    self._last_lines.append(_STAMP.sub("", line))
                    file.write(raw)


class _CappedLog:
    """A log file that moves to `NAME.1` when it is full. What cannot be written is left out: the log is a courtesy."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Optional[IO[bytes]] = None

    def __enter__(self) -> _CappedLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, line: bytes) -> None:
        """Appends `line` at once."""
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            if self._file.tell() + len(line) > _LOG_LIMIT_BYTES:
                self._file.close()
                self._file = None
                os.replace(self._path, f"{self._path}.1")
                self._file = self._path.open("ab", buffering=0)
            self._file.write(line)
        except OSError:
            log.debug("the built-in model's log cannot be written", exc_info=True)


def _stream(pipe: Optional[IO[bytes]]) -> IO[bytes]:
    assert pipe is not None, "the child was started with pipes"
    return pipe
