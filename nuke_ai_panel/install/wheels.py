"""Fetches wheels with pip, and unpacks them without it: a studio's machine may have neither pip nor the internet.

Blocking; called by the command line only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Dict, List, Optional, Sequence

from ..errors import InstallError
from .pins import LOCAL_ONLY, Pin, normal
from .targets import Target

_LIBRARIES = ("purelib", "platlib")


def fetch(pins: Sequence[Pin], target: Target, into: Path, *, index_url: Optional[str] = None) -> List[Path]:
    """Has pip download a wheel for each pin, hashes checked; the wheels' paths. Raises InstallError."""
    into.mkdir(parents=True, exist_ok=True)
    wanted = into / "requirements.txt"
    wanted.write_text("\n".join(one.line() for one in pins) + "\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps",
        "--only-binary", ":all:", "--implementation", "cp", "--python-version", target.version,
        "--abi", target.abi, "--abi", "abi3", "--abi", "none",
        *(word for tag in target.system.tags for word in ("--platform", tag)),
        "--dest", str(into), "-r", str(wanted),
    ]
    if all(one.hashes for one in pins):
        command.append("--require-hashes")
    if index_url:
        command += ["--index-url", index_url]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    wanted.unlink()
    if done.returncode:
        raise _refusal(done.stderr or done.stdout)
    wheels = sorted(into.glob("*.whl"))
    got = {project_of(path) for path in wheels}
    missing = [one.name for one in pins if one.name not in got]
    if missing:
        raise InstallError(f"pip fetched no wheel for {', '.join(missing)}")
    return wheels


def project_of(wheel: Path) -> str:
    """The project whose wheel this is."""
    return normal(wheel.name.split("-")[0])


def version_of(wheel: Path) -> str:
    """The version of the wheel."""
    return wheel.name.split("-")[1]


def fits(wheel: Path, target: Target) -> bool:
    """Whether the wheel's name says that it works on the target."""
    pythons, abis, platforms = (part.split(".") for part in wheel.name[:-4].split("-")[-3:])
    is_python = any(one in ("py3", "py2", target.abi) or (one.startswith("cp3") and "abi3" in abis and
                    int(one[3:]) <= target.python[1]) for one in pythons)
    is_abi = any(one in ("none", "abi3", target.abi) for one in abis)
    return is_python and is_abi and any(_is_platform(one, target) for one in platforms)


def unpack(wheel: Path, into: Path) -> Dict[str, int]:
    """Puts the wheel's modules into the folder; what was written, as sizes by path. Raises InstallError."""
    written: Dict[str, int] = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for info in archive.infolist():
                name = _place(info.filename)
                if info.is_dir() or not name:
                    continue
                path = into.joinpath(*PurePosixPath(name).parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(info))
                written[name] = info.file_size
    except (zipfile.BadZipFile, EOFError) as exc:
        raise InstallError(f"{wheel.name} is damaged: {exc}", next_step="Fetch it again.") from exc
    return written


def _place(name: str) -> str:
    """Where a file of a wheel belongs, relative to the folder of modules; empty for what is no module."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0]:
        raise InstallError(f"a wheel wants to write to {name!r}, outside of the folder")
    if parts[0].endswith(".data"):
        return str(PurePosixPath(*parts[2:])) if len(parts) > 2 and parts[1] in _LIBRARIES else ""
    return name


def _is_platform(tag: str, target: Target) -> bool:
    system = target.system
    if tag == "any":
        return True
    if system.sys_platform == "linux":
        return tag.startswith(("manylinux", "linux_")) and tag.endswith(f"_{system.machine}")
    if system.sys_platform == "win32":
        return tag == "win_amd64"
    return tag.startswith("macosx_") and tag.endswith((f"_{system.machine}", "_universal2"))


def _refusal(said: str) -> InstallError:
    """What pip stumbled over, in one sentence."""
    if "No module named pip" in said:
        return InstallError("This Python has no pip.", next_step=(
            f'Run: "{os.path.basename(sys.executable)}" -m ensurepip, or install from a bundle (--from).'))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line[6:].strip() for line in lines if line.startswith("ERROR:")]
    errors = [line for line in errors if not line.startswith("Ignored the following")]
    reason = (errors or lines or ["it said nothing"])[0]
    absent = re.search(r"No matching distribution found for ([\w.-]+)==(\S+)", said)
    if absent and "Could not find a version" in said and "onnection" not in said:
        extra = " Without --local it can be built." if normal(absent.group(1)) in LOCAL_ONLY else ""
        return InstallError(f"There is no wheel of {absent.group(1)} {absent.group(2)} for that Python and system.",
                            next_step=f"Name another index (--index-url) or pins of your own (--pins).{extra}")
    if re.search(r"do not match the hashes|HASHES", said, re.I):
        return InstallError(f"A wheel is not the one that was tested: {reason}", next_step=(
            "Nothing was installed. Use another index, or pins of your own (--pins)."))
    if re.search(r"connection|resolve|timed out|proxy|SSL|certificate|No route", said, re.I):
        return InstallError(f"The package index cannot be reached: {reason}", next_step=(
            "Check the network and HTTPS_PROXY, name a mirror (--index-url), or install from a bundle (--from)."))
    return InstallError(f"pip could not fetch the packages: {reason}", next_step=(
        "Name another index (--index-url) or pins of your own (--pins)."))
