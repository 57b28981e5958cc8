"""One running child process of the built-in model, and its log. Lives on the loop thread.

The child is started from the loop's thread and from no other: Linux kills it when the *thread* that started it ends.
A daemon thread waits for its one report; its words go straight into the log. A forked child of ours never touches a
process that is its parent's, and a reload of our code hands it on running.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from dataclasses import astuple
from pathlib import Path
from typing import IO, Any, List, Mapping, Optional, Tuple

from ..messages import Json
from .local_launch import Launch

log = logging.getLogger(__name__)

LOG_LIMIT_BYTES = 1 << 20
_TAIL_BYTES = 1 << 16
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
        self.model, self.alias, self.launch = model, alias, launch
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._pid = 0
        self._words_from = 0
        self._readers: List[threading.Thread] = []
        self._report: Optional[asyncio.Future[Json]] = None

    async def start(self, timeout_s: float) -> Mapping[str, Json]:
        """Starts the child and waits for its one report: {"state": "ready"} or what failed.

        {"state": "failed", "reason": "died" | "timeout"} are ours. Raises OSError when it cannot be started at all.
        """
        self._report = asyncio.get_running_loop().create_future()
        process = self._spawn()
        orders = {
            "model": str(self.model), "alias": self.alias, "api_key": self.api_key, "n_ctx": self.launch.n_ctx,
            "threads": self.launch.threads, "parallel": self.launch.parallel,
            "gpu_layers": self.launch.gpu_layers, "cache_mib": self.launch.cache_mib,
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
        try:
            with self.log_path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._words_from if self._words_from <= size else 0, size - _TAIL_BYTES))
                lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
        except OSError:
            lines = []
        return next((_STAMP.sub("", line) for line in reversed(lines) if line), "it said nothing")

    def trim_log(self) -> None:
        """Empties a log that has become too long; what matters in it is young."""
        try:
            if self.log_path.stat().st_size > 2 * LOG_LIMIT_BYTES:
                os.truncate(self.log_path, 0)
        except OSError:
            log.debug("the built-in model's log cannot be trimmed", exc_info=True)

    def hand_over(self) -> Tuple[Any, ...]:  # Any: what `take_over` of the next generation needs, all foreign
        """Gives the child away; from now on this has none."""
        process, self._process = self._process, None
        return (process, self._pid, str(self.model), self.alias, astuple(self.launch), str(self.log_path),
                self.url, self.api_key, self._words_from)

    @classmethod
    def take_over(cls, given: Tuple[Any, ...]) -> LocalServer:
        """The server that an earlier generation of our code gave away, its child running on."""
        process, pid, model, alias, launch, log_path, url, key, words_from = given
        server = cls(Path(model), alias, Launch(*launch), Path(log_path))
        server._process, server._pid, server.url, server.api_key = process, pid, url, key
        server._words_from = words_from
        return server

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
        environment = dict(os.environ)
        if os.path.realpath(self.launch.python) != os.path.realpath(sys.executable):
            environment.pop("PYTHONHOME", None)  # the host's own library is not that Python's
        # Any: the two systems take different arguments
        apart: Any = {"creationflags": 0x08000200} if sys.platform == "win32" else {"start_new_session": True}
        words = open_log(self.log_path)
        self._words_from = words.tell() if words is not None else 0
        try:
            process = subprocess.Popen(
                [self.launch.python, "-u", "-c", _BOOT, str(_CHILD_FILE)], env=environment,
                cwd=str(self.log_path.parent) if words is not None else tempfile.gettempdir(),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words or subprocess.DEVNULL, **apart,
            )
        finally:
            if words is not None:
                words.close()
        self._process, self._pid = process, os.getpid()
        loop = asyncio.get_running_loop()
        reporting = threading.Thread(
            target=self._read_report, args=[_stream(process.stdout), loop], name="nuke-ai-local-report", daemon=True
        )
        reporting.start()
        self._readers = [reporting]
        return process

    def _read_report(self, pipe: IO[bytes], loop: asyncio.AbstractEventLoop) -> None:
        """Own thread: hands the child's one line to the loop."""
        with pipe:
            line = pipe.readline()
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


def open_log(path: Path) -> Optional[IO[bytes]]:
    """The log to append to, as a child of ours; a long one moves to `NAME.1` first. None where none can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            os.replace(path, f"{path}.1")
        return path.open("ab", buffering=0)
    except OSError:
        log.debug("the built-in model's log cannot be written", exc_info=True)
        return None


def _stream(pipe: Optional[IO[bytes]]) -> IO[bytes]:
    assert pipe is not None, "the child was started with pipes"
    return pipe
