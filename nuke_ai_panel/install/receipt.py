"""What was put into a folder, and with which bytes, so that it can be taken out again and nothing else with it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Optional

from ..errors import InstallError

NAME = "nuke-ai-panel-receipt.json"
FORMAT = 1


@dataclass(frozen=True)
class Receipt:
    """`files` are SHA-256 by path inside the folder; `targets` the packages' versions by the name of their folder."""

    version: str
    made_at: str
    targets: Dict[str, Dict[str, str]] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)
    registered_in: str = ""


def read_receipt(folder: Path) -> Optional[Receipt]:
    """The folder's receipt; None without one. Raises InstallError for one that cannot be understood."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        return Receipt(
            str(data["version"]), str(data["made_at"]), {str(k): dict(v) for k, v in data["targets"].items()},
            {str(k): str(v) for k, v in data["files"].items()}, str(data.get("registered_in", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InstallError(f"{path} cannot be understood: {exc}",
                           next_step="Remove the folder by hand, and install into a new one.") from exc


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Replaces the folder's receipt."""
    path = folder / NAME
    data = {
        "format": FORMAT, "product": "nuke-ai-panel", "version": receipt.version, "made_at": receipt.made_at,
        "registered_in": receipt.registered_in, "targets": receipt.targets,
        "files": dict(sorted(receipt.files.items())),
    }
    fresh = path.with_name(NAME + ".new")
    fresh.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, path)


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
