"""What a folder is built for: a Python on a system, and what pip, wheels and our folders call it. Pure."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

from ..errors import InstallError

# Nuke's major version → the Python it has.
PYTHON_OF_NUKE: Dict[int, Tuple[int, int]] = {13: (3, 7), 14: (3, 9), 15: (3, 10), 16: (3, 11), 17: (3, 11)}
OLDEST, NEWEST = (3, 9), (3, 13)


@dataclass(frozen=True)
class System:
    """One system as everybody names it. `tags` are wheels' platforms, what runs on the most machines first."""

    name: str
    sys_platform: str
    machine: str
    platform_system: str
    os_name: str
    tags: Tuple[str, ...]


SYSTEMS: Dict[str, System] = {one.name: one for one in (
    System("linux-x86_64", "linux", "x86_64", "Linux", "posix",
           ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "linux_x86_64")),
    System("linux-aarch64", "linux", "aarch64", "Linux", "posix",
           ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "linux_aarch64")),
    System("windows-x86_64", "win32", "AMD64", "Windows", "nt", ("win_amd64",)),
    System("macos-arm64", "darwin", "arm64", "Darwin", "posix", ("macosx_12_0_arm64",)),
    System("macos-x86_64", "darwin", "x86_64", "Darwin", "posix", ("macosx_12_0_x86_64",)),
)}


@dataclass(frozen=True)
class Target:
    """A Python on a system."""

    python: Tuple[int, int]
    system: System

    @property
    def version(self) -> str:
        """Such as 3.10."""
        return f"{self.python[0]}.{self.python[1]}"

    @property
    def folder(self) -> str:
        """The name that init.py looks for under `packages`."""
        return f"py{self.version}-{self.system.sys_platform}-{self.system.machine}"

    @property
    def abi(self) -> str:
        """Such as cp310."""
        return f"cp{self.python[0]}{self.python[1]}"

    def markers(self) -> Dict[str, str]:
        """What the markers of requirements are held against."""
        system = self.system
        return {
            "python_version": self.version, "python_full_version": f"{self.version}.10",
            "implementation_version": f"{self.version}.10", "sys_platform": system.sys_platform,
            "platform_system": system.platform_system, "platform_machine": system.machine, "os_name": system.os_name,
            "implementation_name": "cpython", "platform_python_implementation": "CPython", "platform_release": "",
            "platform_version": "", "extra": "",
        }


def folder_of() -> str:
    """The name of the packages' folder for the Python that runs this; init.py makes the same one."""
    machine = os.uname().machine if hasattr(os, "uname") else "AMD64"
    return f"py{sys.version_info[0]}.{sys.version_info[1]}-{sys.platform}-{machine}"


def this_system() -> Optional[System]:
    """The system that runs this; None for one that no Nuke runs on."""
    machine = os.uname().machine if hasattr(os, "uname") else "AMD64"
    return next((one for one in SYSTEMS.values() if (one.sys_platform, one.machine) == (sys.platform, machine)), None)


def target_of(*, nuke: Optional[str] = None, python: Optional[str] = None, system: Optional[str] = None) -> Target:
    """The target that was asked for in words. Raises InstallError."""
    if nuke and python:
        raise InstallError("Give --nuke or --python, not both.", next_step="Nuke's version is enough.")
    numbers = _numbers(python, "Python") if python else _python_of(nuke) if nuke else sys.version_info[:2]
    if not OLDEST <= numbers <= NEWEST:
        raise InstallError(
            f"Python {numbers[0]}.{numbers[1]} is not supported: 3.9 to 3.13 are.",
            next_step="Nuke 14 has Python 3.9, Nuke 15 has 3.10, Nuke 16 and 17 have 3.11.",
        )
    found = SYSTEMS.get(system) if system else this_system()
    if found is None:
        raise InstallError(f"There is no system called {system or sys.platform!r}.",
                           next_step=f"Choose one of: {', '.join(SYSTEMS)}.")
    return Target((numbers[0], numbers[1]), found)


def _python_of(nuke: str) -> Tuple[int, ...]:
    major = _numbers(nuke.lower().replace("v", "."), "Nuke")[0]
    if major not in PYTHON_OF_NUKE:
        if major > max(PYTHON_OF_NUKE):
            raise InstallError(f"Which Python Nuke {major} has is not known here.",
                               next_step="Give it with --python, for example --python 3.12.")
        raise InstallError(f"Nuke {nuke} is too old.", next_step="Nuke 14 and newer work.")
    if PYTHON_OF_NUKE[major] < OLDEST:
        raise InstallError(f"Nuke {major} has Python 3.7, which is too old.", next_step="Nuke 14 and newer work.")
    return PYTHON_OF_NUKE[major]


def _numbers(text: str, what: str) -> Tuple[int, ...]:
    parts = text.strip().split(".")
    if not all(part.isdigit() for part in parts) or (what == "Python" and len(parts) < 2):
        example = "15.1" if what == "Nuke" else "3.10"
        raise InstallError(f"{text!r} is no version of {what}.", next_step=f"Write it like {example}.")
    return tuple(int(part) for part in parts[:2])
