"""A real Secret Service for tests: gnome-keyring in a D-Bus session of its own, with a home of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIP_VARIABLE = "NUKE_AI_PANEL_SKIP_TESTS"
WORD = "secret-service"
# program → the Debian package that brings it
PROGRAMS = {"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"}
TIMEOUT_S = 60


class SecretService:
    """A running session. `env` leads a child process to it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._runtime = tempfile.TemporaryDirectory()  # a socket's path has to be short
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.env: Dict[str, str] = {
            **kept, "HOME": str(self.home), "XDG_RUNTIME_DIR": self._runtime.name, "PYTHONPATH": str(ROOT),
            "NUKE_AI_PANEL_HOME": str(self.home),
        }
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"], env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        assert self._bus.stdout is not None
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self._bus.stdout.readline().strip()
        self._keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"], env=self.env,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        assert self._keyring.stdin is not None
        self._keyring.stdin.write(b"a password")
        self._keyring.stdin.close()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        ends = time.monotonic() + TIMEOUT_S
        while self.run("import secretstorage as s; c = s.dbus_init(); assert s.check_service_availability(c)\n"
                       "assert not s.get_default_collection(c).is_locked()").returncode:
            assert time.monotonic() < ends and self._keyring.poll() is None, "gnome-keyring did not start"
            time.sleep(0.1)

    def run(self, script: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a script on the session; an empty value takes a variable away."""
        merged = {name: value for name, value in {**self.env, **env}.items() if value}
        return run_script(script, *options, env=merged)

    def close(self) -> None:
        for process in (self._keyring, self._bus):
            process.terminate()
            process.wait(10)
        if self._bus.stdout is not None:
            self._bus.stdout.close()
        self._runtime.cleanup()


def run_script(script: str, *options: str, env: Dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a script with nothing but `env` around it."""
    return subprocess.run(
        [sys.executable, *options, "-c", script], env=env, capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False,
    )


def missing() -> List[str]:
    """The Debian packages of the programs that are not on this machine."""
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


def need_secret_service() -> None:
    """Skips where there is no such thing or a human said so; fails where a package is missing."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the Secret Service is Linux's")
    if WORD in os.environ.get(SKIP_VARIABLE, "").replace(",", " ").split():
        pytest.skip(f"left out by {SKIP_VARIABLE}")
    if missing():
        pytest.fail(f"install {' '.join(missing())}, or go on without by {SKIP_VARIABLE}={WORD}")


@pytest.fixture(scope="module")
def secret_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecretService]:
    """One session for all tests of a module."""
    need_secret_service()
    service = SecretService(tmp_path_factory.mktemp("session"))
    yield service
    service.close()
