"""Tells a local file system from a network one, where SQLite's shared memory and locks cannot be relied on. Pure."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Optional

_NETWORK_TYPES = frozenset({
    "nfs", "nfs3", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "beegfs", "ceph", "davfs", "glusterfs",
    "gpfs", "lustre", "ncpfs", "panfs", "pvfs2", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
})
_DRIVE_REMOTE = 4


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
