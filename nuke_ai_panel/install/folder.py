"""Builds the folder that NUKE_PATH names, and takes it away: start files, both packages, wheels for one Python or more.

    FOLDER/init.py  menu.py  nuke_ai_panel/  src/nuke_ai_panel_qt/  docs/  packages/py3.10-linux-x86_64/

The layout is that of the source tree, so that the start files are the same. One folder may serve several Nukes: each
run adds the packages of its target. Everything written is in the receipt; nothing else is ever removed. Blocking.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .. import __version__
from ..errors import InstallError
from . import register as registration
from .receipt import NAME, Receipt, read_receipt, sha256_of, write_receipt
from .targets import Target
from .wheels import fits, project_of, unpack, version_of

START_FILES = ("init.py", "menu.py")
_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]


@dataclass(frozen=True)
class Plan:
    """What an installation writes: `sources` by path inside the folder, and the wheels of each target's folder."""

    folder: Path
    target: Target
    sources: Dict[str, Path]
    wheels: Tuple[Path, ...] = ()
    registers: bool = False


def product_files(folder: Path) -> Dict[str, Path]:
    """The product's own files by their path in the folder; none where the folder is the source tree itself."""
    if folder.resolve() == _ROOT:
        return {}
    found: Dict[str, Path] = {}
    for name in START_FILES:
        found[name] = _first(_ROOT / name, _HERE / "start" / name)
    for name, place in (("nuke_ai_panel", "nuke_ai_panel"), ("nuke_ai_panel_qt", "src/nuke_ai_panel_qt")):
        package = _first(_ROOT / place, _ROOT / name)
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                found[f"{place}/{path.relative_to(package).as_posix()}"] = path
    docs = next((one for one in (_ROOT / "docs", _HERE / "docs") if (one / "tutorial.md").is_file()), None)
    if docs is not None:
        found.update({
            f"docs/{path.relative_to(docs).as_posix()}": path for path in sorted(docs.rglob("*"))
            if path.suffix in (".md", ".png") and path.is_file()
        })
    return found


def check_folder(folder: Path) -> Optional[Receipt]:
    """The receipt of what is there; None for a new folder. Raises InstallError for a folder that is somebody else's."""
    if folder.exists() and not folder.is_dir():
        raise InstallError(f"{folder} is a file.", next_step="Name a folder.")
    receipt = read_receipt(folder)
    if receipt is None and folder.resolve() != _ROOT and folder.is_dir() and any(folder.iterdir()):
        raise InstallError(f"{folder} is not empty, and nuke-ai-panel did not make it.",
                           next_step="Empty it, or name a new folder or one that nuke-ai-panel made.")
    return receipt


def build(plan: Plan) -> Receipt:
    """Writes everything, and the receipt last; what an earlier version left is removed. Raises InstallError."""
    before = check_folder(plan.folder)
    wrong = [one.name for one in plan.wheels if not fits(one, plan.target)]
    if wrong:
        raise InstallError(f"these wheels are not for {plan.target.folder}: {', '.join(wrong)}")
    where = f"packages/{plan.target.folder}"
    try:
        fresh = _write(plan, where)
        old = before.files if before is not None else {}
        gone = [name for name in old if name not in fresh and (
            not name.startswith("packages/") or name.startswith(where + "/"))]
        _remove(plan.folder, gone)
        kept = {name: digest for name, digest in old.items() if name not in gone}
        versions = {project_of(one): version_of(one) for one in plan.wheels}
        targets = {**(before.targets if before is not None else {}), plan.target.folder: versions}
        receipt = Receipt(__version__, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), targets, {**kept, **fresh},
                          before.registered_in if before is not None else "")
        if plan.registers:
            receipt = replace(receipt, registered_in=str(registration.add(plan.folder)))
        write_receipt(plan.folder, receipt)
    except OSError as exc:
        raise InstallError(f"{plan.folder} cannot be written to: {exc.strerror or exc}", next_step=(
            "Choose another folder with --target, or mend its rights.")) from exc
    return receipt


def take_away(folder: Path) -> Tuple[int, List[str]]:
    """Removes what the receipt names; how many files that were, and what stays because somebody changed it.

    Raises InstallError where there is no receipt.
    """
    receipt = read_receipt(folder)
    if receipt is None:
        raise InstallError(f"{folder} has no receipt ({NAME}), so nothing is removed.",
                           next_step="Name the folder that nuke-ai-panel install made.")
    try:
        names, changed = what_goes(folder, receipt)
        if receipt.registered_in:
            registration.remove(Path(receipt.registered_in))
        _remove(folder, names)
        (folder / NAME).unlink()
        _remove_empty(folder)
    except OSError as exc:
        raise InstallError(f"{folder} cannot be removed: {exc.strerror or exc}",
                           next_step="Close every Nuke that uses it, and mend its rights.") from exc
    return len(names), changed


def what_goes(folder: Path, receipt: Receipt) -> Tuple[List[str], List[str]]:
    """The files that an uninstallation removes, and those it leaves because somebody changed them."""
    there = [name for name in receipt.files if (folder / name).is_file()]
    changed = [name for name in there if sha256_of(folder / name) != receipt.files[name]]
    kept = set(changed)
    return [name for name in there if name not in kept], changed


def _write(plan: Plan, where: str) -> Dict[str, str]:
    """Writes the files; their digests by path. Packages are unpacked aside and then take the old ones' place."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, source in plan.sources.items():
        path = plan.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
        names.append(name)
    final = plan.folder / where
    aside = final.with_name(final.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for wheel in plan.wheels:
        names += [f"{where}/{name}" for name in unpack(wheel, aside)]
    if final.exists():
        shutil.rmtree(final)
    aside.rename(final)
    return {name: sha256_of(plan.folder / name) for name in dict.fromkeys(names)}


def _remove(folder: Path, names: List[str]) -> None:
    for name in names:
        path = folder / name
        if path.is_file():
            path.unlink()
        for parent in path.parents:
            if parent == folder or folder not in parent.parents:
                break
            shutil.rmtree(parent / "__pycache__", ignore_errors=True)
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _remove_empty(folder: Path) -> None:
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _first(*paths: Path) -> Path:
    found = next((one for one in paths if one.exists()), None)
    if found is None:
        raise InstallError(f"this copy of the product is not whole: {paths[-1]} is missing",
                           next_step="Install it again: pip install --force-reinstall nuke-ai-panel")
    return found
