"""One zip file with everything that an installation needs, for studios whose machines see no internet. Blocking."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from .. import __version__
from ..errors import InstallError
from .targets import SYSTEMS, Target

MANIFEST = "bundle.json"
FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """An opened bundle, unpacked into a folder of the caller's. Files and wheels were checked against the manifest."""

    version: str
    target: Target
    sources: Dict[str, Path]
    wheels: Tuple[Path, ...]


def write_bundle(path: Path, target: Target, sources: Dict[str, Path], wheels: Sequence[Path]) -> int:
    """Writes the bundle, replacing an old one; its size. Raises InstallError."""
    entries: List[Tuple[str, Path]] = [(f"files/{name}", source) for name, source in sources.items()]
    entries += [(f"wheels/{one.name}", one) for one in wheels]
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digests = {}
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, source in entries:
                data = source.read_bytes()
                digests[name] = hashlib.sha256(data).hexdigest()
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
            archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps({
                "format": FORMAT, "version": __version__, "python": target.version, "system": target.system.name,
                "sha256": digests,
            }, indent=1))
        fresh.replace(path)
    except OSError as exc:
        fresh.unlink(missing_ok=True)
        raise InstallError(f"{path} cannot be written: {exc.strerror or exc}",
                           next_step="Choose another place.") from exc
    return path.stat().st_size


def read_bundle(path: Path, into: Path) -> Bundle:
    """Unpacks and checks a bundle. Raises InstallError."""
    try:
        with zipfile.ZipFile(path) as archive:
            data = json.loads(archive.read(MANIFEST))
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']}")
            python = tuple(int(part) for part in data["python"].split("."))
            target = Target((python[0], python[1]), SYSTEMS[data["system"]])
            sources: Dict[str, Path] = {}
            wheels: List[Path] = []
            for name, digest in data["sha256"].items():
                content = archive.read(name)
                if hashlib.sha256(content).hexdigest() != digest:
                    raise InstallError(f"{path.name} is damaged: {name} is not what was packed",
                                       next_step="Copy the bundle again.")
                kind, _, rest = name.partition("/")
                if ".." in name.split("/") or "\\" in name or rest.startswith("/") or ":" in rest:
                    raise InstallError(f"{path.name} wants to write to {name!r}, outside of the folder")
                place = into / kind / rest
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
                if kind == "wheels":
                    wheels.append(place)
                else:
                    sources[rest] = place
    except OSError as exc:
        raise InstallError(f"{path} cannot be read: {exc.strerror or exc}", next_step="Check the path.") from exc
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError) as exc:
        raise InstallError(f"{path} is no bundle of nuke-ai-panel: {exc}",
                           next_step="Make one with nuke-ai-panel install --bundle FILE.") from exc
    return Bundle(str(data["version"]), target, sources, tuple(wheels))
