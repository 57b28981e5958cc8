"""Finds Ollama's program and starts its server, on its own feet: it goes on when Nuke ends. Loop thread.

The server belongs to the artist, not to us: it gets no pipe of ours, its words go into a log file, and nothing here
ever ends it. Only a server of this machine is started, at the address that the settings name.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Awaitable, Callable, Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from ..errors import ProviderError, SettingsError
from ..settings import home_dir
from .ollama_errors import DOWNLOAD_PAGE
from .threads import in_daemon_thread
from .urls import ollama_base_url

START_TIMEOUT_S = 30.0
_POLL_S = 0.1
_LOG_LIMIT_BYTES = 1 << 20
# The shell goes away at once, so the server is nobody's child: no zombie, no pipe, no signal of ours reaches it.
_DETACH = 'exec 3>&1 >>"$2" 2>&1 </dev/null; "$1" serve 3>&- & echo $! >&3'
_DETACHED_WINDOWS = 0x00000008 | 0x00000200 | 0x08000000  # DETACHED_PROCESS, NEW_PROCESS_GROUP, NO_WINDOW


def find_program(env: Optional[Mapping[str, str]] = None, *, platform: str = sys.platform) -> Optional[str]:
    """Ollama's program on this machine: on the PATH, or where its installers put it."""
    env = os.environ if env is None else env
    on_path = shutil.which("ollama", path=env.get("PATH", ""))
    if on_path is not None:
        return on_path
    return next((str(one) for one in _usual_places(env, platform) if _is_program(one)), None)


async def start_server(base_url: str, *, answers: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
    """Starts `ollama serve` at `base_url` and waits until `answers()`. Raises ProviderError that says why not."""
    program = await in_daemon_thread(find_program)
    if program is None:
        raise _cannot("its program is not on this machine", "Ollama is not installed on this machine.",
                      f"Get it at {DOWNLOAD_PAGE}, then try again.")
    log_path = home_dir() / "ollama-serve.log"
    try:
        pid = await in_daemon_thread(lambda: _spawn(program, base_url, log_path))
    except (OSError, subprocess.SubprocessError) as exc:
        raise _cannot(f"{program}: {exc}", f"Ollama could not be started: {getattr(exc, 'strerror', None) or exc}.",
                      f"Start it by hand: {program} serve") from exc
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not await answers():
        is_alive = _is_alive(pid)
        if not is_alive or loop.time() > deadline:
            said = await in_daemon_thread(lambda: _last_line(log_path))
            why = "it ended at once" if not is_alive else f"it did not answer within {timeout_s:g} s"
            raise _cannot(f"{why}: {said}", f"Ollama was started, but {why}: {said or 'it said nothing'}.",
                          f"Read {log_path}, or start it by hand: {program} serve")
        await asyncio.sleep(_POLL_S)


def child_environment(env: Mapping[str, str], base_url: str) -> Dict[str, str]:
    """What the server gets of our environment: all but Python's places and keys that are none of its business."""
    kept = {
        name: value for name, value in env.items()
        if name not in ("PYTHONHOME", "PYTHONPATH", "LD_PRELOAD")
        and not (name.upper().endswith(("_API_KEY", "_TOKEN", "_SECRET")) and not name.startswith("OLLAMA_"))
    }
    if not _means(kept.get("OLLAMA_HOST"), base_url):  # else it may say more, such as 0.0.0.0
        parts = urlsplit(base_url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        kept["OLLAMA_HOST"] = f"{host}:{parts.port}"
    return kept


def _means(ollama_host: Optional[str], base_url: str) -> bool:
    try:
        return bool(ollama_host) and ollama_base_url(ollama_host) == base_url
    except SettingsError:
        return False


def _spawn(program: str, base_url: str, log_path: Path) -> int:
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if log_path.exists() and log_path.stat().st_size > _LOG_LIMIT_BYTES:
        os.replace(log_path, log_path.with_name(f"{log_path.name}.1"))
    environment = child_environment(os.environ, base_url)
    if sys.platform == "win32":
        with log_path.open("ab") as log_file:
            process = subprocess.Popen(
                [program, "serve"], env=environment, cwd=str(Path.home()), stdin=subprocess.DEVNULL, stdout=log_file,
                stderr=log_file, creationflags=_DETACHED_WINDOWS, close_fds=True,
            )
        process.returncode = 0  # it is on its own: nobody waits for it, and nobody is warned that it still runs
        return process.pid
    done = subprocess.run(
        ["/bin/sh", "-c", _DETACH, "sh", program, str(log_path)], env=environment, cwd=str(Path.home()),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, check=True, timeout=10,
    )
    return int(done.stdout)


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill would end it there; the deadline decides alone
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # in a container nobody may collect the dead
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True


def _last_line(log_path: Path) -> str:
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, log_path.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:200].rstrip(".") for line in reversed(lines) if line.strip()), "")


def _usual_places(env: Mapping[str, str], platform: str) -> Tuple[Path, ...]:
    home = Path(env.get("HOME") or env.get("USERPROFILE") or "/")
    if platform == "win32":
        roots: List[str] = [one for one in (env.get("LOCALAPPDATA"), env.get("ProgramFiles")) if one]
        known = [Path(root, *inner) for root in roots for inner in (("Programs", "Ollama"), ("Ollama",))]
        return tuple(folder / "ollama.exe" for folder in known)
    if platform == "darwin":
        return (Path("/Applications/Ollama.app/Contents/Resources/ollama"), Path("/opt/homebrew/bin/ollama"),
                Path("/usr/local/bin/ollama"), home / "Applications/Ollama.app/Contents/Resources/ollama")
    folders = (Path("/usr/local/bin"), Path("/usr/bin"), home / ".local/bin", Path("/snap/bin"))
    return tuple(folder / "ollama" for folder in folders)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _cannot(message: str, user_text: str, next_step: str) -> ProviderError:
    return ProviderError(
        "network", f"Ollama cannot be started: {message}", provider="Ollama", code="not_started", retryable=False,
        user_text=user_text, next_step=next_step,
    )
