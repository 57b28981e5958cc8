"""Finds, keeps and forgets API keys: the environment, then the system's key store, then a private file. Any thread.

This is keyring's door. A key store can block for ever (a D-Bus read has no timeout) or lead anywhere (auto-detection
loads any back end on the path, PYTHON_KEYRING_BACKEND any at all), so back ends come from our own list, by name, and
every call runs on a daemon thread of its own with a deadline; a store that missed it is not asked again until a human
asks. Nothing here may be called on the loop or on Qt's main thread: a call can take as long as the deadline.

A stored key belongs to one provider at one origin: a base URL that moves elsewhere does not take the key along. It
lies in one place: keeping it in another takes it out of the first. The file is written only when a human chose it, and
a server on this machine needs no key and opens no key store. docs/keys.md says the same to artists.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import stat
import sys
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from importlib import import_module
from pathlib import Path
from typing import Callable, Dict, Literal, Mapping, NoReturn, Optional, Protocol, Tuple, TypeVar
from urllib.parse import unquote

from .errors import SettingsError, hide_in_errors
from .settings import ProviderSettings, home_dir, is_loopback_url, origin_of
from .settings.saving import file_lock
from .settings.toml_file import read_toml, write_atomically
from .words import later, tr

log = logging.getLogger(__name__)

KeyPlace = Literal["keyring", "file", "memory"]
DEADLINE_S = 5.0
# A session bus greets at once; one that does not within this time is not waited for any longer.
BUS_DEADLINE_S = 1.0
IGNORED_VARIABLE = "PYTHON_KEYRING_BACKEND"
NO_STORE = later("There is no system key store here.")
MUTE = "The system's key store is not answering."
USER_NAME = "api-key"
# Windows keeps 2,560 bytes, and keyring stores UTF-16; past that it fails with a message nobody understands.
WINDOWS_LIMIT = 1280
KEYLESS_KINDS = frozenset({"local", "scripted"})
_LONGEST = 8192
_BACKENDS: Mapping[str, Tuple[Tuple[str, str], ...]] = {
    "win32": (("keyring.backends.Windows", "WinVaultKeyring"),),
    "darwin": (("keyring.backends.macOS", "Keyring"),),
    "linux": (
        ("keyring.backends.SecretService", "Keyring"), ("keyring.backends.libsecret", "Keyring"),
        ("keyring.backends.kwallet", "DBusKeyring"),
    ),
}
_T = TypeVar("_T")


class Backend(Protocol):
    """What is used of a keyring back end."""

    def get_password(self, service: str, username: str) -> Optional[str]: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class Key:
    """An API key that shows itself only when asked by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself, for a request header; from then on no error quotes it."""
        hide_in_errors(self._text)
        return self._text

    def __repr__(self) -> str:
        return f"Key({self})"

    def __str__(self) -> str:
        return f"…{self._text[-4:]}" if len(self._text) >= 20 else "…"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Key, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled or copied into a file")


class Keys:
    """All keys of one session. `backend` finds a key store and runs on the deadline's thread."""

    def __init__(
        self, env: Optional[Mapping[str, str]] = None, home: Optional[Path] = None, *,
        deadline_s: float = DEADLINE_S, backend: Optional[Callable[[], Optional[Backend]]] = None,
    ) -> None:
        self._env: Mapping[str, str] = os.environ if env is None else env
        self._home = home
        self._deadline_s = deadline_s
        self._find_backend = backend or (lambda: system_backend(self._env))
        self._lock = threading.Lock()
        self._memory: Dict[str, Key] = {}
        self._trouble = ""
        self._has_warned = False

    @property
    def trouble(self) -> str:
        """Why the system's key store cannot be used, as a sentence; empty while nothing is known against it."""
        return self._trouble

    @property
    def warning(self) -> str:
        """What of the environment is ignored here, as a sentence; mostly empty."""
        named = self._env.get(IGNORED_VARIABLE, "")
        if not named:
            return ""
        return f"{IGNORED_VARIABLE}={named} is ignored: keys go into the system's own key store only."

    def find(self, provider: ProviderSettings) -> Optional[Key]:
        """The provider's key, or None. Raises SettingsError for a key that cannot be one."""
        return self._search(provider)[0]

    def source(self, provider: ProviderSettings) -> Optional[str]:
        """Where the provider's key is: the variable's name, memory, keyring or file; None without a key."""
        return self._search(provider)[1]

    def store(self, provider: ProviderSettings, text: str, *, where: KeyPlace = "keyring") -> Key:
        """Keeps a key where the human chose, reads it back, and returns it. Raises SettingsError."""
        key = clean_key(text, provider.label)
        service = service_of(provider)
        if where == "memory":
            self._memory[service] = key
            return key
        if where == "file":
            self._change_file(service, key.reveal())
            if self._in_file(service) != key:
                raise SettingsError(tr("{file} did not keep the key", file=self.file),
                    next_step=tr("Check the folder's rights."))
            if uses_keyring(provider):
                self._ask(lambda backend: _delete(backend, service))
        else:
            self._trouble = ""
            self._into_keyring(provider, service, key)
            if service in self._read_file():
                self._change_file(service, None)
        self._memory.pop(service, None)
        return key

    def forget(self, provider: ProviderSettings) -> None:
        """Takes the key out of memory, the key store and the file; what the environment says stays."""
        service = service_of(provider)
        self._memory.pop(service, None)
        if self._in_file(service) is not None:
            self._change_file(service, None)
        if uses_keyring(provider):
            self._ask(lambda backend: _delete(backend, service))
            if self._trouble not in ("", NO_STORE):
                raise SettingsError(self._trouble, next_step=tr("Take the key out in the system's own key store."))

    def ask_again(self) -> None:
        """Lets a key store that did not answer, or was left locked, be asked once more."""
        self._trouble = ""

    # ------------------------------------------------------------ places

    def _search(self, provider: ProviderSettings) -> Tuple[Optional[Key], Optional[str]]:
        if provider.kind in KEYLESS_KINDS:
            return None, None
        text = self._env.get(provider.key_env, "").strip() if provider.key_env else ""
        if text:
            return clean_key(text, str(provider.key_env)), provider.key_env
        service = service_of(provider)
        if service in self._memory:
            return self._memory[service], "memory"
        if uses_keyring(provider):
            found = self._ask(lambda backend: backend.get_password(service, USER_NAME))
            if found and found.strip():
                return clean_key(found, "the system's key store"), "keyring"
        in_file = self._in_file(service)
        return in_file, "file" if in_file else None

    def _into_keyring(self, provider: ProviderSettings, service: str, key: Key) -> None:
        step = f"Set {provider.key_env}, or keep the key in a private file."
        if not uses_keyring(provider):
            raise SettingsError(
                tr("{label} runs on this machine, and its key does not belong in the system's key store",
                label=provider.label),
                next_step=step,
            )
        if sys.platform == "win32" and len(key.reveal()) > WINDOWS_LIMIT:
            raise SettingsError(
                f"the key has {len(key.reveal())} characters, and Windows keeps {WINDOWS_LIMIT} at most",
                user_text=tr("The key has {count:,} characters, and Windows keeps {windows_limit:,} at most.",
                count=len(key.reveal()), windows_limit=WINDOWS_LIMIT),
                next_step=step,
            )

        def write(backend: Backend) -> Optional[str]:
            backend.set_password(service, USER_NAME, key.reveal())
            return backend.get_password(service, USER_NAME)

        kept = self._ask(write)
        if kept != key.reveal():
            raise SettingsError(self._trouble or tr("The system's key store did not keep the key."), next_step=step)

    def _ask(self, question: Callable[[Backend], Optional[str]]) -> Optional[str]:
        """The key store's answer; None when it has none, and then `trouble` says why if there is a reason."""
        ends = time.monotonic() + self._deadline_s
        if not self._lock.acquire(timeout=self._deadline_s):
            return None
        try:
            if self._trouble:
                return None
            if self.warning and not self._has_warned:
                self._has_warned = True
                log.warning("%s", self.warning)
            left = max(0.0, ends - time.monotonic())
            return _on_own_thread(lambda: self._asked(question), left, late=self._answered_late)
        except FutureTimeoutError:
            self._trouble = MUTE
            log.warning("the key store did not answer within %g s; it is not asked again", self._deadline_s)
        except Exception as exc:  # noqa: BLE001  # a back end may raise anything: D-Bus, ctypes and keyring errors
            self._trouble = _sentence(exc)
            log.info("the key store failed: %s", type(exc).__name__)
        finally:
            self._lock.release()
        return None

    def _answered_late(self) -> None:
        # Somebody took their time over the unlocking prompt: from now on it can be asked again.
        if self._trouble == MUTE:
            self._trouble = ""

    def _asked(self, question: Callable[[Backend], Optional[str]]) -> Optional[str]:
        backend = self._find_backend()
        if backend is None:
            self._trouble = NO_STORE
            return None
        return question(backend)

    @property
    def file(self) -> Path:
        """The private file, whether it is there or not."""
        return (self._home or home_dir(self._env)) / "keys.toml"

    def _in_file(self, service: str) -> Optional[Key]:
        text = self._read_file().get(service)
        return clean_key(text, str(self.file)) if isinstance(text, str) else None

    def _read_file(self) -> Dict[str, object]:
        path = self.file
        try:
            mode = path.stat().st_mode
        except OSError:
            return {}
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingsError(tr("{path} can be read by other users", path=path),
                next_step=tr("Run: chmod 600 {path}", path=path))
        return dict(read_toml(path, missing_ok=True).data)

    def _change_file(self, service: str, text: Optional[str]) -> None:
        with file_lock(self.file):
            known = {name: value for name, value in self._read_file().items() if name != service}
            if text is not None:
                known[service] = text
            lines = [f"{json.dumps(name)} = {json.dumps(value)}\n" for name, value in known.items()]
            head = "# API keys that you asked to keep here instead of the system's key store. Never share this file.\n"
            write_atomically(self.file, head + "".join(lines), mode=0o600)


def service_of(provider: ProviderSettings) -> str:
    """The name under which a provider's key is kept: one for each provider and origin."""
    return f"nuke-ai-panel {provider.name} {origin_of(provider.base_url or '')}"


def uses_keyring(provider: ProviderSettings) -> bool:
    """Whether the system's key store may hold a key for this provider."""
    return provider.kind not in KEYLESS_KINDS and not (
        provider.base_url is not None and is_loopback_url(provider.base_url))


def clean_key(text: str, origin: str) -> Key:
    """The key in a text as people paste it. Raises SettingsError that never repeats the key."""
    text = text.strip().strip("\"'").strip()
    problem = ""
    if not text:
        problem = "is empty"
    elif not text.isascii():
        problem = "holds a character that no key holds, such as a curly quote or three dots"
    elif not text.isprintable() or any(char.isspace() for char in text):
        problem = "holds a space or a line break"
    elif len(text) > _LONGEST:
        problem = f"is longer than {_LONGEST:,} characters"
    if problem:
        raise SettingsError(
            f"the API key of {origin} {problem}", user_text=tr("The API key of {origin} {problem}.", origin=origin,
            problem=problem),
            next_step=tr("Copy the key again, whole and without anything around it."),
        )
    return Key(text)


def backend_name(env: Mapping[str, str], deadline_s: float = DEADLINE_S) -> str:
    """The key store that works here, as its class's name; empty for none, or one that does not answer in time."""
    try:
        found = _on_own_thread(lambda: system_backend(env), deadline_s, late=lambda: None)
    except FutureTimeoutError:
        return ""
    return f"{type(found).__module__}.{type(found).__qualname__}" if found is not None else ""


def system_backend(env: Mapping[str, str]) -> Optional[Backend]:
    """The first of our key stores that works here, or None. Takes as long as the system takes."""
    platform = "linux" if sys.platform not in _BACKENDS else sys.platform
    if platform == "linux" and not _bus_answers(env):
        return None
    for module, name in _BACKENDS[platform]:
        try:
            found = getattr(import_module(module), name)
            if found.priority > 0:
                backend: Backend = found()
                return backend
        except Exception as exc:  # noqa: BLE001  # an unusable back end says so with any exception it likes
            log.debug("key store %s cannot be used: %s", module, exc)
    return None


def _bus_answers(env: Mapping[str, str]) -> bool:
    """Whether a session bus greets us; libraries that find a mute one wait for ever."""
    folder = env.get("XDG_RUNTIME_DIR")
    address = env.get("DBUS_SESSION_BUS_ADDRESS") or (f"unix:path={folder}/bus" if folder else "")
    for one in address.split(";"):
        transport, _, rest = one.partition(":")
        parts = dict(part.partition("=")[::2] for part in rest.split(","))
        path = parts["path"] if "path" in parts else f"\0{parts['abstract']}" if "abstract" in parts else ""
        if transport != "unix" or not path:
            if transport and transport != "unix":
                return True  # a transport of another machine's making: the deadline of the caller decides
            continue
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(BUS_DEADLINE_S)
                probe.connect(unquote(path))
                probe.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
                if probe.recv(1):
                    return True
        except OSError as exc:
            log.debug("the session bus at %s does not answer: %s", one, exc)
    return False


def _on_own_thread(work: Callable[[], _T], timeout_s: float, *, late: Callable[[], None]) -> _T:
    """The result of `work`, run on a daemon thread that is left behind if it takes longer; then it calls `late`."""
    done: Future[_T] = Future()
    is_abandoned = threading.Event()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as exc:  # noqa: BLE001  # it is raised again by result(), in the caller's thread
            done.set_exception(exc)
        if is_abandoned.is_set():
            late()

    threading.Thread(target=run, name="nuke-ai-keyring", daemon=True).start()
    try:
        return done.result(timeout_s)
    except FutureTimeoutError:
        is_abandoned.set()
        raise


def _delete(backend: Backend, service: str) -> None:
    if backend.get_password(service, USER_NAME) is not None:
        backend.delete_password(service, USER_NAME)


def _sentence(exc: Exception) -> str:
    if "Locked" in type(exc).__name__ or "Dismissed" in type(exc).__name__:
        return "The system's key store is locked."
    if 1783 in exc.args or getattr(exc, "winerror", None) == 1783:
        return "The key is longer than Windows keeps."
    return "The system's key store cannot be used."
