"""Tells a local file system from a network one, where SQLite's shared memory and locks cannot be relied on."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Optional

from filelock import FileLock, Timeout

_NETWORK_TYPES = frozenset({
    "nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "beegfs", "ceph", "davfs", "glusterfs",
    "gpfs", "lustre", "ncpfs", "panfs", "pvfs2", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
})
_DRIVE_REMOTE = 4
_SYNC_FOLDERS = (
    ("dropbox", "Dropbox"), ("onedrive", "OneDrive"), ("google drive", "Google Drive"), ("googledrive", "Google Drive"),
    ("icloud drive", "iCloud Drive"), ("mobile documents", "iCloud Drive"), ("nextcloud", "Nextcloud"),
    ("syncthing", "Syncthing"),
)
LOCK_PROBE_S = 3.0
_PROBE = """
import os, sys
handle = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
try:
    import fcntl
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
except ImportError:
    import msvcrt
    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
"""


def is_network_path(path: Path) -> bool:
    """Whether `path` (which need not exist yet) lies on a file system shared over a network, as far as can be told."""
    if sys.platform == "win32":
        return _is_remote_drive(path)
    if sys.platform == "darwin":
        return _is_off_startup_disk(path)
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return is_network_type(mount_type(mounts, os.path.realpath(path)))


def sync_service_of(path: Path) -> Optional[str]:
    """The service that copies this folder to a cloud, by its name; copies of an open history miss what is new."""
    parts = [part.lower() for part in Path(os.path.abspath(path)).parts]
    for word, service in _SYNC_FOLDERS:
        if any(part == word or part.startswith((f"{word} ", f"{word}-")) for part in parts):
            return service
    return None


def locks_work(folder: Path, *, timeout_s: float = LOCK_PROBE_S) -> bool:
    """Whether a file lock in `folder` is given within three seconds; asked in a process of its own where one can be
    started, because a lock on a network disk whose server is gone never returns."""
    probe = folder / f".lock-probe-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.path.basename(sys.executable).lower().startswith("python"):
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _PROBE, str(probe)], timeout=timeout_s, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            return done.returncode == 0
        return _locks_in_a_thread(probe, timeout_s)
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def mount_type(mounts: str, real_path: str) -> Optional[str]:
    """The type of the file system that holds `real_path`, from the text of /proc/mounts."""
    best, found = "", None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = real_path == point or real_path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, fields[2]
    return found


def is_network_type(name: Optional[str]) -> bool:
    """Whether a mount type is a network's. FUSE hides what is behind it, so it counts as one."""
    return name is not None and (name in _NETWORK_TYPES or name.startswith("fuse.") or name == "fuse")


def _locks_in_a_thread(probe: Path, timeout_s: float) -> bool:
    # Inside a host the executable is the host: starting a second one is no way to ask for a lock.
    answered = threading.Event()

    def ask() -> None:
        lock = FileLock(str(probe), timeout=0)
        try:
            lock.acquire()
            lock.release()
        except (Timeout, OSError, NotImplementedError):
            return
        answered.set()

    threading.Thread(target=ask, name="nuke-ai-lock-probe", daemon=True).start()
    return answered.wait(timeout_s)


def _is_remote_drive(path: Path) -> bool:
    anchor = os.path.abspath(path)
    if anchor.startswith("\\\\"):
        return True
    windll = getattr(ctypes, "windll", None)
    if windll is None:
        return False
    root = os.path.splitdrive(anchor)[0] + "\\"
    return bool(windll.kernel32.GetDriveTypeW(ctypes.c_wchar_p(root)) == _DRIVE_REMOTE)


def _is_off_startup_disk(path: Path) -> bool:
    # macOS tells the type only through statfs, which Python does not offer; any other volume counts as remote.
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    startup = {os.stat(root).st_dev for root in ("/", "/System/Volumes/Data") if os.path.exists(root)}
    return os.stat(existing).st_dev not in startup
