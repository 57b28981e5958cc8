"""What the tests of connections share: a server that is really killed, and an App that talks to it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, List, Optional

from nuke_ai_panel.app import App, ModelChoice

from ..fakes.fault_server import closed_port

FAKE = ModelChoice("openai", "fake-model")
REPO = Path(__file__).resolve().parents[2]

# Serves on the given port until it is killed, and writes down each question before it answers.
_PROGRAM = """
import sys, time
from tests.fakes.model_server import FakeModelServer
from tests.fakes.dialects import question_of

port, log, words, rate = int(sys.argv[1]), sys.argv[2], sys.argv[3].split("|"), float(sys.argv[4])

def answer(body):
    with open(log, "a") as file:
        file.write(question_of(body) + "\\n")
    return words

server = FakeModelServer(answer)
server.port = port
server.tokens_per_s = rate or None
server.start()
print("up", flush=True)
time.sleep(600)
"""


class KillableServer:
    """A model server in a process of its own, always at the same port. `questions` are those that it ever got."""

    def __init__(self, folder: Path, *, words: str = "Hello|, |artist.", rate: float = 0.0) -> None:
        self.port = closed_port()
        self.words, self.rate = words, rate
        self._log = folder / "questions"
        self._process: Optional[subprocess.Popen[str]] = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def questions(self) -> List[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def start(self) -> float:
        """Returns once it listens; the moment (`time.monotonic()`) when it did."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(self.port), str(self._log), self.words, str(self.rate)],
            cwd=str(REPO), stdout=subprocess.PIPE, text=True,
        )
        assert self._process.stdout is not None and self._process.stdout.readline() == "up\n"
        return time.monotonic()

    def kill(self) -> float:
        """SIGKILL; the moment when it was gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()
        return time.monotonic()


def opened_at(url: str, **more: Any) -> App:  # settings of any type
    """An App whose default model is at `url`, without retries, so that nothing but waiting sends a question later."""
    return App.open(overrides={
        "default_provider": "openai", "default_model": "fake-model", "providers.openai.base_url": url,
        "providers.openai.retries": 0, **more,
    })


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> float:
    """Returns once `condition` holds; how many seconds that took. Fails the test when it does not come true."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "it never came true"
        time.sleep(0.005)
    return time.monotonic() - began


def listener_on(port: int) -> socket.socket:
    """A socket that listens and never answers."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deaf.bind(("127.0.0.1", port))
    deaf.listen()
    return deaf
