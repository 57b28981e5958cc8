"""Keys on real session buses: a connected Secret Service, a locked one, a mute one, a mute bus, and none at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pytest

from .secret_service import SecretService, need_secret_service, run_script, secret_service

__all__ = ["secret_service"]

BEGIN = """
import logging, os, pathlib, sys, time
logging.basicConfig(level=logging.WARNING, format="%(message)s")
from nuke_ai_panel.keys import Keys
from nuke_ai_panel.settings import ProviderSettings
keys = Keys(os.environ, pathlib.Path(os.environ["NUKE_AI_PANEL_HOME"]))
row = ProviderSettings("openrouter", "openrouter", base_url="https://openrouter.ai/api/v1", key_env="OPENROUTER_KEY")
def found():
    started = time.monotonic()
    key = keys.find(row)
    return f"{key.reveal() if key else None}|{time.monotonic() - started:.2f}|{keys.trouble}"
"""
STORE = BEGIN + "keys.store(row, sys.argv[1] if sys.argv[1:] else 'sk-first'); print(keys.source(row))"
LOOK = BEGIN + "print(found())"
MUTE = """
from jeepney import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
connection = open_dbus_connection()
assert Proxy(message_bus, connection).RequestName("org.freedesktop.secrets")[0] == 1
import time
print("owned", flush=True)
time.sleep(60)
"""


def test_a_connected_secret_service_keeps_finds_replaces_and_forgets(secret_service: SecretService) -> None:
    stored = secret_service.run(STORE)
    assert stored.stdout == "keyring\n", stored.stderr

    assert secret_service.run(LOOK).stdout.startswith("sk-first|")
    secret_service.run(STORE.replace("'sk-first'", "'sk-second'"))
    assert secret_service.run(LOOK).stdout.startswith("sk-second|")
    assert secret_service.run(BEGIN + "keys.forget(row)").returncode == 0
    assert secret_service.run(LOOK).stdout.startswith("None|")
    kept = [path for path in secret_service.home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert kept and all(b"sk-second" not in path.read_bytes() for path in kept)


def test_a_session_sees_what_another_one_stored_meanwhile(secret_service: SecretService) -> None:
    script = BEGIN + f"""
import subprocess
keys.store(row, "sk-mine")
subprocess.run([sys.executable, "-c", {STORE!r}, "sk-theirs"], check=True, stdout=subprocess.DEVNULL)
print(found())
keys.forget(row)
"""
    assert secret_service.run(script).stdout.startswith("sk-theirs|")


def test_back_ends_are_found_without_their_packages_metadata(secret_service: SecretService, tmp_path: Path) -> None:
    vendored = tmp_path / "vendored"
    vendored.mkdir()
    for folder in {sysconfig.get_paths()[name] for name in ("purelib", "platlib")}:
        for part in Path(folder).iterdir():
            if not part.name.endswith((".dist-info", ".egg-info", ".pth")) and not (vendored / part.name).exists():
                (vendored / part.name).symlink_to(part)
    path = os.pathsep.join((secret_service.env["PYTHONPATH"], str(vendored)))
    check = (
        "import importlib.metadata as m\n"
        "assert not [d for d in m.distributions() if d.metadata['Name'] == 'keyring']\n"
    )

    stored = secret_service.run(check + STORE, "-S", PYTHONPATH=path)

    assert stored.stdout == "keyring\n", stored.stderr
    assert secret_service.run(LOOK, "-S", PYTHONPATH=path).stdout.startswith("sk-first|")
    secret_service.run(BEGIN + "keys.forget(row)")


@pytest.mark.parametrize("named", ["no.such.module.Keyring", "keyring.backends.null.Keyring"])
def test_the_environments_back_end_is_ignored_with_a_warning(secret_service: SecretService, named: str) -> None:
    stored = secret_service.run(STORE, PYTHON_KEYRING_BACKEND=named)

    assert stored.stdout == "keyring\n"
    assert f"PYTHON_KEYRING_BACKEND={named} is ignored" in stored.stderr
    assert secret_service.run(LOOK).stdout.startswith("sk-first|")
    secret_service.run(BEGIN + "keys.forget(row)")


def test_a_locked_collection_whose_prompt_nobody_answers_is_no_key_and_asks_once(tmp_path: Path) -> None:
    need_secret_service()
    own = SecretService(tmp_path)
    try:
        assert own.run(STORE).stdout == "keyring\n"
        lock = "import secretstorage as s; s.get_default_collection(s.dbus_init()).lock()"
        assert own.run(lock).returncode == 0

        looked = own.run(BEGIN + "print(found()); print(found())").stdout.split()
        first, second = (line.split("|") for line in " ".join(looked).replace(". None", ".\nNone").split("\n"))
    finally:
        own.close()

    assert (first[0], first[2]) == ("None", "The system's key store is locked.")
    assert (second[0], second[2]) == ("None", "The system's key store is locked.")
    assert float(second[1]) < 0.05


def test_a_mute_secret_service_costs_the_deadline(tmp_path: Path) -> None:
    need_secret_service()
    script = BEGIN.replace("NUKE_AI_PANEL_HOME\"])", "NUKE_AI_PANEL_HOME\"]), deadline_s=1.5") + f"""
import subprocess
mute = subprocess.Popen([sys.executable, "-c", {MUTE!r}], stdout=subprocess.PIPE)
mute.stdout.readline()
print(found(), found(), sep="\\n")
mute.kill()
"""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    done = subprocess.run(["dbus-run-session", "--", sys.executable, "-c", script], capture_output=True, text=True,
                          timeout=60, env=env, check=False)

    first, second = (line.split("|") for line in done.stdout.splitlines())
    assert first[2] == second[2] == "The system's key store is not answering.", done.stderr
    assert 1.4 <= float(first[1]) < 4 and float(second[1]) < 0.2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the session bus is Linux's")
def test_without_a_session_bus_the_answer_comes_at_once(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NUKE_AI_PANEL_HOME": str(tmp_path),
           "PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    key, seconds, trouble = run_script(LOOK, env=env).stdout.strip().split("|")

    assert (key, trouble) == ("None", "There is no system key store here.")
    assert float(seconds) < 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the session bus is Linux's")
def test_a_bus_that_accepts_and_never_answers_costs_two_seconds_at_most(tmp_path: Path) -> None:
    # A socket's path has to be short.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{folder}/bus")
        listener.listen(8)
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NUKE_AI_PANEL_HOME": str(tmp_path),
               "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus,guid=0123",
               "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        started = time.monotonic()
        key, seconds, trouble = run_script(LOOK, env=env).stdout.strip().split("|")

    assert (key, trouble) == ("None", "There is no system key store here.")
    assert 0.9 < float(seconds) < 2 and time.monotonic() - started < 20


def test_the_command_line_keeps_and_forgets_in_the_real_key_store(secret_service: SecretService) -> None:
    def key(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "nuke_ai_panel", "config", "key", *arguments], input=text, text=True,
            capture_output=True, timeout=60, env=secret_service.env, check=False,
        )

    kept = key("set", "openrouter", text="sk-or-v1-for-the-store\n")
    assert (kept.returncode, kept.stdout) == (0, "Kept. The key of OpenRouter comes from the system's key store.\n")
    assert key("where", "openrouter").stdout == "The key of OpenRouter comes from the system's key store.\n"
    moved = key("set", "--in-file", "openrouter", text="sk-or-v1-for-the-file\n")
    assert "the private file" in moved.stdout
    assert secret_service.run(LOOK).stdout.startswith("sk-or-v1-for-the-file|")
    assert key("set", "openrouter", text="sk-or-v1-again\n").returncode == 0
    assert "sk-" not in (secret_service.home / "keys.toml").read_text("utf-8")
    assert key("forget", "openrouter").returncode == 0
    assert key("where", "openrouter").returncode == 3
