"""Makes the virtual environments, and runs the panel, the tests, the checks and the pins in them.

One file, standard library only, so that `python .ci/legs.py …` is the same command on Linux, macOS and Windows.
A leg is one Python with one Qt binding; the full matrix is what Nuke 14 to 17 and the newest Python need.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"
SKIP_VARIABLE = "NUKE_AI_PANEL_SKIP_PYTHONS"
QT_LIBRARIES = (
    "libgl1", "libegl1", "libxkbcommon0", "libxkbcommon-x11-0", "libdbus-1-3", "libfontconfig1", "libglib2.0-0",
    "fonts-dejavu-core",
)
# Parts of tests/unit that get a room of their own.
APART = ("tests/unit/batch", "tests/unit/nk")
# The tests keep keys in a real Secret Service: program → the Debian package that brings it.
SECRET_SERVICE = {"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"}


@dataclass(frozen=True)
class Leg:
    """One column of the matrix. `qt` is the binding's name or None; `pins` the hashed requirements.

    `tests` is what the leg runs; `label` tells it from another leg of the same Python.
    """

    python: str
    qt: Optional[str]
    pins: str
    extras: Tuple[str, ...]
    constraints: Tuple[str, ...]
    sources: Tuple[str, ...] = ()
    tests: Tuple[str, ...] = ("tests",)
    label: str = ""

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.python, self.qt, self.label) if part)


LEGS = (
    Leg("3.9", None, "py39-floor.txt", (), ("aiohttp==3.8.6",), label="oldest-aiohttp", tests=(
        "tests/unit/test_http.py", "tests/unit/test_http_errors.py", "tests/unit/test_http_faults.py",
        "tests/unit/test_http_tls.py", "tests/unit/test_recorded_streams.py", "tests/unit/test_turn_stop.py",
    )),
    Leg("3.9", None, "py39.txt", (), ("aiohttp==3.13.5",)),
    Leg("3.13", None, "py313.txt", ("local",), ("aiohttp==3.14.5",), sources=("requirements/farm.in",)),
    Leg("3.10", "PySide2", "py310-pyside2.txt", ("standalone", "local"), ("aiohttp==3.13.5", "pytest-qt<4.5")),
    Leg("3.11", "PySide6", "py311-pyside6.txt", ("standalone", "local"),
        ("aiohttp==3.14.5", "PySide6-Essentials==6.5.3", "pytest-qt")),
)
# The vendors' own SDKs, against which `proof` holds our requests and our fake servers.
PROOF = Leg(
    "3.11", None, "proof.txt", (), ("aiohttp==3.14.5",), sources=("requirements/proof.in",), label="proof",
    tests=("tests/proof/sdks_read_our_requests.py", "tests/proof/sdks_talk_to_our_servers.py"),
)


def say(text: str) -> None:
    print(f"── {text}", flush=True)


def run(command: Sequence[str], *, env: Optional[Dict[str, str]] = None) -> int:
    """The exit code of `command`, run at the repository's root."""
    return subprocess.run(list(command), cwd=ROOT, env={**os.environ, **(env or {})}).returncode


def must(command: Sequence[str]) -> None:
    code = run(command)
    if code:
        raise SystemExit(f"failed with exit code {code}: {' '.join(map(str, command))}")


def find_python(version: str) -> Optional[str]:
    """A command for that Python: this one, PATH, pyenv's folders, or the Windows launcher."""
    candidates = [f"python{version}"]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    if pyenv.is_dir():
        found = sorted(pyenv.glob(f"{version}.*"), key=lambda p: [int(n) for n in p.name.split(".") if n.isdigit()])
        candidates = [str(p / "bin" / "python") for p in reversed(found)] + candidates
    if sys.version_info[:2] == tuple(int(n) for n in version.split(".")):
        candidates.insert(0, sys.executable)
    for candidate in candidates:
        if answers(candidate, version):
            return candidate
    if os.name == "nt" and shutil.which("py"):
        launch = ["py", f"-{version}", "-c", "import sys; print(sys.executable)"]
        asked = subprocess.run(launch, capture_output=True, text=True)
        if asked.returncode == 0:
            return asked.stdout.strip()
    return None


def answers(candidate: str, version: str) -> bool:
    try:
        asked = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
    except OSError:
        return False
    return asked.returncode == 0 and asked.stdout.strip() == version


def venv_python(folder: Path) -> str:
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def make_venv(folder: Path, python: str, key: str, installs: Sequence[Sequence[str]]) -> str:
    """The Python of a venv in which `installs` (pip's arguments) have run; kept until `key` changes."""
    mark = folder / "made-for"
    stamp = hashlib.sha256(key.encode()).hexdigest()
    inside = venv_python(folder)
    if mark.exists() and mark.read_text() == stamp and Path(inside).exists():
        return inside
    shutil.rmtree(folder, ignore_errors=True)
    say(f"making {folder.relative_to(ROOT)}")
    must([python, "-m", "venv", str(folder)])
    for arguments in installs:
        must([inside, "-m", "pip", "--disable-pip-version-check", "install", "-q", *arguments])
    mark.write_text(stamp)
    return inside


def leg_venv(leg: Leg, python: str) -> str:
    pins = ROOT / "requirements" / leg.pins
    key = pins.read_text() + (ROOT / "pyproject.toml").read_text()
    return make_venv(VENVS / leg.name, python, key, [
        ["--require-hashes", "--only-binary", ":all:", "-r", str(pins)],
        ["--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ])


def bench_venv(leg: Leg, python: str) -> str:
    """The leg's venv with the vendors' SDKs beside, which the product itself never needs."""
    pins = ROOT / "requirements" / "bench.txt"
    key = pins.read_text() + (ROOT / "pyproject.toml").read_text()
    return make_venv(VENVS / "bench", python, key, [
        ["--require-hashes", "--only-binary", ":all:", "-r", str(pins)],
        ["--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    ])


def user_venv() -> str:
    """The artist's own venv: the panel, a Qt binding and the embedded model, at the newest versions that fit."""
    if not (3, 9) <= sys.version_info[:2] <= (3, 13):
        raise SystemExit(f"Python {sys.version.split()[0]} is not supported: use one of 3.9 to 3.13.")
    key = sys.version + (ROOT / "pyproject.toml").read_text()
    return make_venv(ROOT / ".venv", sys.executable, key, [["-e", f"{ROOT}[standalone,local]"]])


def ensure_qt_libraries(python: str, binding: str) -> None:
    """On a bare Debian as root, installs the system libraries that Qt's offscreen platform loads."""
    probe = [python, "-c", f"from {binding} import QtWidgets, QtSvg; QtWidgets.QApplication([])"]
    env = {"QT_QPA_PLATFORM": "offscreen"}
    if run(probe, env=env) == 0:
        return
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        say("installing the system libraries that Qt needs")
        must(["apt-get", "update", "-qq"])
        must(["apt-get", "install", "-y", "-qq", *QT_LIBRARIES])
    if run(probe, env=env):
        raise SystemExit(f"{binding} does not start here; install these system libraries: {' '.join(QT_LIBRARIES)}")


def ensure_secret_service() -> None:
    """On a bare Debian as root, installs the key store that the tests talk to; elsewhere the tests say what to do."""
    packages = [package for program, package in SECRET_SERVICE.items() if shutil.which(program) is None]
    if packages and sys.platform.startswith("linux") and shutil.which("apt-get") and os.geteuid() == 0:
        say(f"installing {' and '.join(packages)} for the tests of keys")
        run(["apt-get", "update", "-qq"])
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])


def check(python: str) -> int:
    """Lint, types and the architecture tests."""
    for title, command in (
        ("ruff", [python, "-m", "ruff", "check", "."]),
        ("mypy --strict", [python, "-m", "mypy"]),
        ("architecture", [python, "-m", "pytest", "-q", "tests/architecture"]),
    ):
        say(title)
        code = run(command)
        if code:
            return code
    return 0


@dataclass(frozen=True)
class Room:
    """Tests that share a process: Qt's application, once made, lasts as long as its process."""

    leg: Leg
    python: str
    paths: Tuple[str, ...]

    @property
    def title(self) -> str:
        label = f", {self.leg.label}" if self.leg.label else ""
        return f"Python {self.leg.python}, {self.leg.qt or 'no Qt'}{label}: {self.paths[0]}"

    def command(self, *more: str) -> List[str]:
        """Clocks and sockets on a busy machine: what fails once is asked once more, and counted as rerun."""
        cache = VENVS / "cache" / f"{self.leg.name}-{Path(self.paths[0]).stem}"
        return [self.python, "-m", "pytest", "-raR", "--reruns", "1", "-o", f"cache_dir={cache}", *self.paths, *more]

    def env(self) -> Dict[str, str]:
        return {"NUKE_AI_PANEL_QT": self.leg.qt or "", "QT_QPA_PLATFORM": "offscreen", "PYTHONDEVMODE": "1"}


def rooms_of(leg: Leg, python: str, *, campaigns: bool) -> List[Room]:
    """The rooms of a leg, the one that takes longest first."""
    if leg.tests != ("tests",):
        return [Room(leg, python, leg.tests)]
    parts: List[Tuple[str, ...]] = [("tests/unit", *(f"--ignore={path}" for path in APART)), APART]
    parts += [("tests/campaigns",)] if campaigns else []
    if leg.qt:
        # Those that play a whole Nuke end it, too.
        hosts = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "qt").glob("test_*nuke*.py"))
        parts += [("tests/qt", *(f"--ignore={host}" for host in hosts)), *((host,) for host in hosts)]
    parts += [("tests/architecture", "tests/contract", "tests/nuke_contract")]
    return [Room(leg, python, part) for part in parts]


def run_rooms(rooms: Sequence[Room], extra: Sequence[str]) -> Dict[Room, int]:
    """The exit code of each room. Two run at a time, as most of their time is waiting, and each is told when it ends.

    What failed beside another room has one more chance at the end, with the machine to itself.
    """
    codes: Dict[Room, int] = {}
    said = threading.Lock()

    def one(room: Room) -> None:
        began = time.monotonic()
        with tempfile.TemporaryFile() as output:
            code = subprocess.run(
                room.command(*extra), cwd=ROOT, env={**os.environ, **room.env()}, stdout=output,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            ).returncode
            output.seek(0)
            with said:
                codes[room] = code
                say(f"tests on {room.title} ({time.monotonic() - began:.0f} s)")
                shutil.copyfileobj(output, sys.stdout.buffer)
                sys.stdout.flush()

    at_once = min(2, os.cpu_count() or 1)
    say(f"{len(rooms)} rooms of tests, {at_once} at a time: each is shown when it ends")
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, rooms))
    for room in rooms:
        if codes[room] == 1:
            say(f"once more, alone: {room.title}")
            again = room.command("--last-failed", "--last-failed-no-failures", "none", *extra)
            codes[room] = run(again, env=room.env())
    return codes


def test(which: str, extra: Sequence[str]) -> int:
    """Runs the rooms of all legs; a failure decides the exit code, a missing Python is one.

    The campaigns (kills, fuzz, floods) are about the machine more than about the Python: of legs that are named the
    last runs them. Without a name the tests of this Python end within ten minutes.
    """
    skipped = set(os.environ.get(SKIP_VARIABLE, "").replace(",", " ").split())
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if which == "here":
        chosen = [leg for leg in LEGS if leg.python == here]
        if not chosen:
            raise SystemExit(f"No leg for Python {here}; the legs are {', '.join(leg.python for leg in LEGS)}.")
    else:
        wanted = {leg.python for leg in LEGS} if which == "all" else set(which.split(","))
        chosen = [leg for leg in LEGS if leg.python in wanted]
    failed: List[str] = []
    ready: List[Tuple[Leg, str]] = []
    for leg in chosen:
        if leg.python in skipped:
            say(f"left out by {SKIP_VARIABLE}: Python {leg.python}")
            continue
        python = find_python(leg.python)
        if python is None:
            say(f"Python {leg.python} is not on this machine (name it in {SKIP_VARIABLE} to go on without it)")
            failed.append(leg.name)
            continue
        inside = leg_venv(leg, python)
        if leg.qt:
            ensure_qt_libraries(inside, leg.qt)
        ready.append((leg, inside))
    ensure_secret_service()
    lint = next((inside for leg, inside in ready if leg.python == "3.11"), None)
    if lint and check(lint):
        failed.append("check")
    last = ready[-1][0] if ready and which != "here" else None
    rooms = [room for leg, inside in ready for room in rooms_of(leg, inside, campaigns=leg is last)]
    longest = ("tests/unit", "tests/campaigns", "tests/qt", APART[0])
    rooms.sort(key=lambda room: longest.index(room.paths[0]) if room.paths[0] in longest else len(longest))
    codes = run_rooms(rooms, extra)
    # 5: what the caller added, such as -k, selects nothing in this room
    failed += [room.title for room, code in codes.items() if code not in (0, 5)]
    if failed:
        print("FAILED: " + "; ".join(failed), file=sys.stderr, flush=True)
    return 1 if failed else 0 if 0 in codes.values() else 5


def proof(extra: Sequence[str]) -> int:
    """Has the vendors' SDKs read our requests and talk to our fake servers; one that is missing is a failure."""
    python = find_python(PROOF.python)
    if python is None:
        raise SystemExit(f"`proof` runs on Python {PROOF.python}, which is not on this machine.")
    inside = leg_venv(PROOF, python)
    say("the vendors' SDKs, and what they make of our requests and of our fake servers")
    return run([inside, "-m", "pytest", "-q", *PROOF.tests, *extra])


def pins() -> int:
    """Compiles the hashed requirements of every leg with uv."""
    inside = make_venv(VENVS / "pins", sys.executable, "uv", [["uv"]])
    bench = replace(LEGS[-1], pins="bench.txt", sources=("requirements/bench.in",))
    for leg in (*LEGS, bench, PROOF):
        limits = VENVS / f"{leg.name}.constraints"
        limits.write_text("\n".join(c for c in leg.constraints if any(mark in c for mark in "=<>")) + "\n")
        more = VENVS / f"{leg.name}.in"
        more.write_text("pytest-qt\n" if leg.qt else "")
        extras = [word for extra in leg.extras for word in ("--extra", extra)]
        must([inside, "-m", "uv", "pip", "compile", "-q", "--upgrade", "--generate-hashes",
              "--no-header", "--no-annotate", "--universal", "--python-version", leg.python,
              "pyproject.toml", "requirements/ci.in", *leg.sources, str(more), *extras, "-c", str(limits),
              "-o", f"requirements/{leg.pins}"])
    # What `nuke-ai-panel install` puts into a folder: the product's own dependencies, for every Python at once.
    must([inside, "-m", "uv", "pip", "compile", "-q", "--upgrade", "--generate-hashes", "--no-header", "--no-annotate",
          "--universal", "--python-version", "3.9", "pyproject.toml", "--extra", "local",
          "-o", "nuke_ai_panel/install/pins.txt"])
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=("run", "test", "check", "bench", "pins", "proof"))
    parser.add_argument("--legs", default="here", help="here, all, or versions with commas (3.9,3.11)")
    options, extra = parser.parse_known_args()
    if options.verb == "run":
        return run([user_venv(), "-m", "nuke_ai_panel_qt", *extra])
    if options.verb == "test":
        return test(options.legs, extra)
    if options.verb == "pins":
        return pins()
    if options.verb == "proof":
        return proof(extra)
    leg = LEGS[-1]
    python = find_python(leg.python)
    if python is None:
        raise SystemExit(f"`{options.verb}` runs on Python {leg.python}, which is not on this machine.")
    if options.verb == "check":
        return check(leg_venv(leg, python))
    for other in LEGS:  # the transcript is measured on both bindings, where their Pythons are
        found = find_python(other.python) if other.qt else None
        if found:
            leg_venv(other, found)
    return run([bench_venv(leg, python), "-m", "bench", *extra])


if __name__ == "__main__":
    sys.exit(main())
