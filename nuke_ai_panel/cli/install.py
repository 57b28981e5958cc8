"""`install` and `uninstall`: a folder for a Nuke, with everything in it that this Nuke's Python needs.

Only the standard library and pip are used, so that it runs from a bare source tree too.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from . import exits
from .console import Console
from .program import Parser, add_command

if TYPE_CHECKING:
    from ..install.pins import Pin
    from ..install.targets import Target

DEFAULT_FOLDER = "nuke-ai-panel"


def register(commands: argparse._SubParsersAction[Parser]) -> None:
    """Adds both commands."""
    parser = add_command(commands, "install", "build a folder that a Nuke loads, with wheels for its Python")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--nuke", metavar="VERSION", help="the Nuke it is for, for example 15.1")
    which.add_argument("--python", metavar="VERSION", help="or the Python it is for, for example 3.10")
    parser.add_argument("--system", metavar="SYSTEM", help=(
        "linux-x86_64, linux-aarch64, windows-x86_64, macos-arm64 or macos-x86_64; this machine's by default"))
    parser.add_argument("--target", metavar="DIR", help=(
        "the folder to build or to add to, which NUKE_PATH then names; without it, ~/.nuke/nuke-ai-panel, to which a "
        "few lines in ~/.nuke/init.py lead"))
    parser.add_argument("--local", action="store_true", help="also what the built-in model needs (Python 3.10 and up)")
    parser.add_argument("--bundle", metavar="FILE", help="build nothing; write one zip file to install from offline")
    parser.add_argument("--from", metavar="FILE", dest="bundled", help="install from such a file, without a network")
    parser.add_argument("--index-url", metavar="URL", help="the package index, instead of pip's own")
    parser.add_argument("--pins", metavar="FILE", help="exact versions and hashes, instead of those that were tested")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run_install)
    parser = add_command(commands, "uninstall", "remove a folder that install built, and nothing else")
    parser.add_argument("--target", metavar="DIR", help="the folder; ~/.nuke/nuke-ai-panel by default")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and do nothing")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run_uninstall)


def run_install(arguments: argparse.Namespace, console: Console) -> int:
    """Fetches, checks, writes; or does as much of it as was asked for."""
    from ..install.targets import target_of
    from .exits import UsageError

    if arguments.bundled and (arguments.bundle or arguments.index_url or arguments.pins):
        raise UsageError("--from takes everything from the file.", next_step="Leave the other options out.")
    with tempfile.TemporaryDirectory(prefix="nuke-ai-panel-") as folder:
        if arguments.bundled:
            return _install_bundle(arguments, console, Path(folder))
        target = target_of(nuke=arguments.nuke, python=arguments.python, system=arguments.system)
        pins = _pins(arguments.pins, target, local=arguments.local)
        place, registers = _folder(arguments.target)
        if arguments.dry_run:
            return _say_plan(arguments, console, target, pins, place)
        return _install(arguments, console, target, pins, place, registers, Path(folder) / "wheels")


def run_uninstall(arguments: argparse.Namespace, console: Console) -> int:
    """Removes what the receipt names."""
    from ..errors import InstallError
    from ..install.folder import take_away, what_goes
    from ..install.receipt import NAME, read_receipt

    folder, _ = _folder(arguments.target)
    if arguments.dry_run:
        receipt = read_receipt(folder)
        if receipt is None:
            raise InstallError(f"{folder} has no receipt ({NAME}), so nothing would be removed.",
                               next_step="Name the folder that nuke-ai-panel install made.")
        names, changed = what_goes(folder, receipt)
        _tell(arguments, console, {"folder": str(folder), "would_remove": len(names), "would_leave": changed}, [
            f"Would remove {len(names)} files from {folder}.",
            *(f"Would leave {name}: it was changed after it was installed." for name in changed),
            *([f"Would take our lines out of {receipt.registered_in}."] if receipt.registered_in else []),
        ])
        return exits.COMPLETE
    count, changed = take_away(folder)
    lines = [f"Removed {count} files from {folder}."]
    lines += [f"Left {name}: it was changed after it was installed." for name in changed]
    _tell(arguments, console, {"folder": str(folder), "removed": count, "left": changed}, lines)
    return exits.COMPLETE


# ---------------------------------------------------------------- inside


def _install(
    arguments: argparse.Namespace, console: Console, target: Target, pins: List[Pin], place: Path, registers: bool,
    wheelhouse: Path,
) -> int:
    from ..install.bundle import write_bundle
    from ..install.folder import Plan, build, check_folder, product_files
    from ..install.wheels import fetch

    if not arguments.bundle:
        check_folder(place)  # before anything is fetched
    console.wait(f"Fetching {len(pins)} packages …")
    wheels = fetch(pins, target, wheelhouse, index_url=arguments.index_url)
    console.clear_wait()
    if arguments.bundle:
        path = Path(arguments.bundle).expanduser().absolute()
        size = write_bundle(path, target, product_files(Path("/nowhere")), wheels)
        _tell(arguments, console, {"bundle": str(path), "bytes": size, "packages": len(wheels)}, [
            f"Wrote {path} ({size / 1e6:.1f} MB, {len(wheels)} packages for Python {target.version} on "
            f"{target.system.name}).",
            f"Over there: nuke-ai-panel install --from {path.name} --target DIR",
            f"Without our command: unzip it, and run python -m nuke_ai_panel install --from {path.name} --target DIR "
            "in its folder files.",
        ])
        return exits.COMPLETE
    build(Plan(place, target, product_files(place), tuple(wheels), registers))
    return _done(arguments, console, target, place, len(wheels))


def _install_bundle(arguments: argparse.Namespace, console: Console, folder: Path) -> int:
    from ..errors import InstallError
    from ..install.bundle import read_bundle
    from ..install.folder import Plan, build, check_folder, product_files
    from ..install.targets import target_of

    place, registers = _folder(arguments.target)
    bundle = read_bundle(Path(arguments.bundled).expanduser(), folder)
    if arguments.nuke or arguments.python or arguments.system:
        asked = target_of(nuke=arguments.nuke, python=arguments.python,
                          system=arguments.system or bundle.target.system.name)
        if asked != bundle.target:
            raise InstallError(f"The bundle is for {bundle.target.folder}, not for {asked.folder}.",
                               next_step="Make one for that Nuke.")
    if arguments.dry_run:
        _tell(arguments, console, {"folder": str(place), "target": bundle.target.folder,
                                   "packages": [one.name for one in bundle.wheels]},
              [f"Would install {bundle.version} for {bundle.target.folder} into {place}, from the bundle:",
               *(f"  {one.name}" for one in bundle.wheels)])
        return exits.COMPLETE
    check_folder(place)
    is_own_tree = not product_files(place)
    build(Plan(place, bundle.target, {} if is_own_tree else bundle.sources, bundle.wheels, registers))
    return _done(arguments, console, bundle.target, place, len(bundle.wheels))


def _done(arguments: argparse.Namespace, console: Console, target: Target, place: Path, count: int) -> int:
    from ..install.receipt import NAME, read_receipt

    receipt = read_receipt(place)
    registered = receipt.registered_in if receipt is not None else ""
    step = f"{registered} leads Nuke there." if registered else f"Put it on NUKE_PATH: NUKE_PATH={place}"
    _tell(arguments, console, {
        "folder": str(place), "target": target.folder, "packages": count, "receipt": str(place / NAME),
        "registered_in": registered,
    }, [f"Installed into {place}: {count} packages for Python {target.version} on {target.system.name}.", step,
        "Then start Nuke: Windows > Custom > AI Panel."])
    return exits.COMPLETE


def _say_plan(
    arguments: argparse.Namespace, console: Console, target: Target, pins: List[Pin], place: Path
) -> int:
    from ..install.folder import check_folder, product_files

    if not arguments.bundle:
        check_folder(place)
    what = f"write {arguments.bundle}" if arguments.bundle else f"install into {place}"
    files = len(product_files(place))
    _tell(arguments, console, {
        "folder": None if arguments.bundle else str(place), "bundle": arguments.bundle, "target": target.folder,
        "files": files, "packages": [f"{one.name}=={one.version}" for one in pins],
    }, [f"Would {what}, for Python {target.version} on {target.system.name}: {files} files of our own and "
        f"{len(pins)} packages:", *(f"  {one.name} {one.version}" for one in pins)])
    return exits.COMPLETE


def _pins(file: Optional[str], target: Target, *, local: bool) -> List[Pin]:
    from .. import install as package
    from ..errors import InstallError
    from ..install.pins import pins_for, read_pins

    path = Path(file).expanduser() if file else Path(str(package.__file__)).with_name("pins.txt")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InstallError(f"{path} cannot be read: {exc}", next_step="Check the path.") from exc
    return pins_for(read_pins(text, path.name), target, local=local)


def _folder(named: Optional[str]) -> Tuple[Path, bool]:
    """Where to, and whether ~/.nuke/init.py shall lead there."""
    from ..install.register import nuke_home

    if named:
        return Path(named).expanduser().absolute(), False
    return nuke_home() / DEFAULT_FOLDER, True


def _tell(arguments: argparse.Namespace, console: Console, data: Dict[str, object], lines: List[str]) -> None:
    if arguments.json:
        from .answer_json import dumps

        console.raw(dumps(data))
        return
    for line in lines:
        console.say(line)
