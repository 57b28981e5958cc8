"""Finds the studio's policy files and keeps their rules up to date. Any thread.

`read` looks at the files each time it is called, which costs one `stat` each; it is called for every request, off the
loop, because a studio's file may lie on a slow server. `current` is what the last look found and never blocks.

The machine's own file always counts; NUKE_AI_PANEL_POLICY may name more, which then hold as well. So nobody gets rid of
a rule by naming another file.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import time
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from ..errors import PolicyError
from .policy import NO_POLICY, Policy, PolicyFile
from .policy_file import read_policy, unreadable

POLICY_FILES = "NUKE_AI_PANEL_POLICY"
FILE_NAME = "policy.toml"
_LIMIT_BYTES = 1 << 20
_COMMON_APPDATA = 0x23
# A policy that an administrator puts on this computer counts that much later at most.
_ABSENT_S = 0.05

Seen = Tuple[int, ...]


@functools.lru_cache(maxsize=1)
def machine_policy_path() -> Path:
    """Where this computer's own policy lies, in a place that only its administrator may write to."""
    if sys.platform == "win32":
        return Path(_common_appdata()) / "nuke-ai-panel" / FILE_NAME
    if sys.platform == "darwin":
        return Path("/Library/Application Support/nuke-ai-panel") / FILE_NAME
    return Path("/etc/nuke-ai-panel") / FILE_NAME


def policy_paths(env: Optional[Mapping[str, str]] = None) -> List[Tuple[Path, bool]]:
    """The files that count, and whether each must exist. A file that the process's own environment names counts too."""
    found: Dict[Path, bool] = {machine_policy_path(): False}
    for layer in (os.environ, env or {}):
        parts = layer.get(POLICY_FILES, "").split(os.pathsep)
        found.update((Path(os.path.expanduser(part.strip())), True) for part in parts if part.strip())
    return list(found.items())


class PolicySource:
    """The policy in force, re-read when a file changed."""

    def __init__(self, env: Optional[Mapping[str, str]] = None) -> None:
        self._env = env
        self._lock = threading.Lock()
        self._known: Dict[Path, Tuple[Seen, Seen, Optional[PolicyFile]]] = {}
        self._current: Optional[Policy] = None
        self._absent_until = 0.0

    def current(self) -> Policy:
        """What the last `read` found; reads if there was none."""
        known = self._current
        return known if known is not None else self.read()

    def is_absent(self) -> bool:
        """Whether there is certainly no policy, told without looking further than this computer's own disk."""
        # Asked for every request: no generator, no path made anew.
        if os.environ.get(POLICY_FILES) or (self._env is not None and self._env.get(POLICY_FILES)):
            return False
        now = time.monotonic()
        if now < self._absent_until:
            return True
        if os.path.lexists(machine_policy_path()):
            return False
        self._current = NO_POLICY
        self._absent_until = now + _ABSENT_S
        return True

    def files(self) -> Tuple[Path, ...]:
        """Every file that may hold a policy, whether it exists or not."""
        try:
            return tuple(path for path, _ in policy_paths(self._env))
        except PolicyError:
            return (machine_policy_path(),)

    def read(self) -> Policy:
        """The policy as the files say right now. Never raises: what cannot be read is a policy with an error."""
        with self._lock:
            self._absent_until = 0.0
            files: List[PolicyFile] = []
            try:
                for path, must_exist in policy_paths(self._env):
                    file = self._file(path, must_exist=must_exist)
                    if file is not None:
                        files.append(file)
            except PolicyError as error:
                self._current = Policy(tuple(files), error)
            else:
                unchanged = self._current is not None and self._current.error is None and (
                    len(files) == len(self._current.files)
                    and all(new is old for new, old in zip(files, self._current.files))
                )
                if not unchanged:
                    self._current = Policy(tuple(files))
            assert self._current is not None
            return self._current

    def _file(self, path: Path, *, must_exist: bool) -> Optional[PolicyFile]:
        known = self._known.get(path)
        seen = _facts(path) if must_exist or os.path.lexists(path) else ()
        if known is not None and known[:2] == (seen, _facts_of_words(known[2])):
            return known[2]
        file = read_policy(path, _text_of(path)) if seen else None
        if seen and _facts(path) != seen:  # it changed while it was read: look again next time
            self._known.pop(path, None)
        else:
            self._known[path] = (seen, _facts_of_words(file), file)
        return file


def _facts_of_words(file: Optional[PolicyFile]) -> Seen:
    """What tells one state of the list of words from another; a missing one is told by reading the policy again."""
    words_file = file.redaction.words_file if file is not None else None
    try:
        return _facts(Path(os.path.expanduser(words_file))) if words_file is not None else ()
    except PolicyError:
        return (-1,)


def _facts(path: Path) -> Seen:
    """What tells one state of a file from another. Raises PolicyError."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise unreadable(f"{path} does not exist", f"Correct {POLICY_FILES}, or put the file there.") from exc
    except (OSError, ValueError) as exc:
        raise unreadable(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}", _MAY_READ) from exc
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LIMIT_BYTES + 1)
    except OSError as exc:
        raise unreadable(f"{path} cannot be read: {exc.strerror or exc}", _MAY_READ) from exc
    if len(raw) > _LIMIT_BYTES:
        raise unreadable(f"{path} is larger than a policy can be", "Check what the file is.")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise unreadable(f"{path}, line {line}: not UTF-8 text", "Save the file again as UTF-8.") from exc


def _common_appdata() -> str:
    """Windows' folder for all users' data, from the system itself: the variable of that name is the artist's."""
    windll = getattr(ctypes, "windll", None)
    if windll is None:
        return "C:\\ProgramData"
    buffer = ctypes.create_unicode_buffer(260)
    windll.shell32.SHGetFolderPathW(None, _COMMON_APPDATA, None, 0, buffer)
    return buffer.value or "C:\\ProgramData"


_MAY_READ = "Check that it is a file that everybody may read."
