"""Decides how the built-in model's child process is started: with which Python, how many threads, what window. Pure.

Inside Nuke `sys.executable` is Nuke itself, and starting that would start a second Nuke. So only a file that is named
like a Python is ever run, or the one that the settings name.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from ..errors import SettingsError
from ..messages import Json
from ..settings import ProviderSettings
from ..words import tr

DEFAULT_WINDOW_TOKENS = 4096
_PYTHON_NAME = re.compile(r"^python(w|\d+(\.\d+)?)?(\.exe)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Launch:
    """What a child process is told. `n_ctx` is in tokens and for each of the `parallel` conversations."""

    python: str
    n_ctx: int
    threads: int
    parallel: int
    gpu_layers: int
    cache_mib: int


def launch_for(settings: ProviderSettings, *, context_limit: Optional[int], is_small: bool) -> Launch:
    """How to start a model with these settings. Raises SettingsError for an option that makes no sense."""
    window = _whole(settings, "num_ctx", DEFAULT_WINDOW_TOKENS, 256)
    return Launch(
        python=choose_python(_text(settings, "python")),
        n_ctx=min(window, context_limit) if context_limit else window,
        threads=_whole(settings, "threads", max(1, physical_cores() - 1), 1),
        parallel=_whole(settings, "parallel", 2 if is_small else 1, 1),
        gpu_layers=_whole(settings, "gpu_layers", -1, -1),
        cache_mib=_whole(settings, "cache_mib", 256, 0),
    )


def window_tokens(settings: ProviderSettings, context_limit: Optional[int]) -> int:
    """How much a model started with these settings can read."""
    window = _whole(settings, "num_ctx", DEFAULT_WINDOW_TOKENS, 256)
    return min(window, context_limit) if context_limit else window


def choose_python(
    setting: Optional[str] = None, *, executable: Optional[str] = None, base_executable: Optional[str] = None,
    prefix: Optional[str] = None, version: Tuple[int, int] = sys.version_info[:2],
    exists: Callable[[str], bool] = os.path.isfile,
) -> str:
    """The interpreter for the child: the setting, ourselves if we are a Python, or the Python beside the host.

    The facts about ourselves are this process's own unless they are given. Raises SettingsError if there is none.
    """
    if setting:
        path = os.path.expanduser(setting)
        if not exists(path):
            raise SettingsError(
                f"options.python of the built-in model: there is no {path}",
                user_text=tr("The Python for the built-in model does not exist: {path}", path=path),
                next_step=tr("Correct providers.local.options.python in the settings."),
            )
        return path
    own = sys.executable if executable is None else executable
    base = getattr(sys, "_base_executable", "") if base_executable is None else base_executable
    root = sys.prefix if prefix is None else prefix
    candidates = [path for path in (own, base) if path and is_python(path)]
    for folder in _folders(own, root):
        names = [f"python{version[0]}.{version[1]}", f"python{version[0]}", "python", "python.exe"]
        candidates += [f"{folder}/{name}" for name in names]
    for path in candidates:
        if exists(path):
            return path
    raise SettingsError(
        f"no Python was found beside {own or tr('the host')}",
        user_text=tr("The built-in model needs a Python of its own, and none was found beside the host application."),
        next_step=tr("Set providers.local.options.python to a Python 3.10 or newer that has xllamacpp installed."),
    )


def is_python(executable: Optional[str]) -> bool:
    """Whether a program is named like a Python interpreter; Nuke, which holds one, is not."""
    return bool(executable) and _PYTHON_NAME.match(re.split(r"[\\/]", executable or "")[-1]) is not None


def physical_cores() -> int:
    """Cores that this process may use, without counting hyper-threads twice; at least 1."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if sys.platform == "darwin":
        return usable
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            cores = len(set(re.findall(r"^physical id\s*: (\d+)$.*?^core id\s*: (\d+)$", file.read(), re.M | re.S)))
    except OSError:
        cores = 0
    return max(1, min(usable, cores or usable // 2 or 1))


def _folders(executable: str, prefix: str) -> List[str]:
    beside = re.split(r"[\\/](?=[^\\/]*$)", executable)[0] if executable else ""
    return [folder for folder in (f"{prefix}/bin" if prefix else "", prefix, beside) if folder]


def _whole(settings: ProviderSettings, name: str, default: int, least: int) -> int:
    value: Json = settings.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(
            f"providers.{settings.name}.options.{name} is {value!r}",
            user_text=tr("The setting {name} of {label} must be a whole number, {least} or more.", name=name,
            label=settings.label, least=least),
            next_step=tr("Correct providers.{name}.options.{name2} in the settings.", name=settings.name, name2=name),
        )
    return value


def _text(settings: ProviderSettings, name: str) -> Optional[str]:
    value: Json = settings.options.get(name)
    if value is not None and not isinstance(value, str):
        raise SettingsError(
            f"providers.{settings.name}.options.{name} is {value!r}",
            user_text=tr("The setting {name} of {label} must be a text.", name=name, label=settings.label),
            next_step=tr("Correct providers.{name}.options.{name2} in the settings.", name=settings.name, name2=name),
        )
    return value or None
