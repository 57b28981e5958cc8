"""Who sits at this computer, as the system says it: environment variables are the artist's to set. Any thread."""

from __future__ import annotations

import ctypes
import getpass
import importlib
import os
import socket
import sys
from typing import Tuple

# Accounts that are no person's name; the words mean other things in prompts.
GENERIC = frozenset({
    "admin", "administrator", "artist", "default", "guest", "home", "node", "nobody", "nuke", "public", "render",
    "root", "shared", "system", "user", "users",
})


def user_name() -> str:
    """The account's name."""
    if sys.platform == "win32":
        size = ctypes.c_ulong(256)
        buffer = ctypes.create_unicode_buffer(size.value)
        if ctypes.windll.advapi32.GetUserNameW(buffer, ctypes.byref(size)) and buffer.value:
            return buffer.value
    else:
        try:
            return str(importlib.import_module("pwd").getpwuid(os.getuid()).pw_name)
        except (ImportError, KeyError):
            pass
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def personal_names() -> Tuple[str, ...]:
    """Every name that this account goes by: the account, the person behind it, what the environment says."""
    names = {user_name(), *(os.environ.get(one, "") for one in ("USER", "LOGNAME", "USERNAME"))}
    names.add(os.path.basename(os.path.expanduser("~").rstrip("/\\")))
    if sys.platform != "win32":
        try:
            full = str(importlib.import_module("pwd").getpwuid(os.getuid()).pw_gecos).partition(",")[0]
        except (ImportError, KeyError):
            full = ""
        names.update((full, *full.split()))
    return tuple(sorted(name for name in names if len(name) >= 3 and name.lower() not in GENERIC))


def host_names() -> Tuple[str, ...]:
    """Every name that this computer goes by, without asking the network."""
    name = socket.gethostname()
    names = {name, name.partition(".")[0]}
    return tuple(sorted(one for one in names if len(one) >= 3 and one.lower() != "localhost"))
