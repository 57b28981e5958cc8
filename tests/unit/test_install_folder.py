"""Building a folder for a Nuke and taking it away: with real pip, a real index on loopback, and real wheels."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Tuple

import pytest

from nuke_ai_panel.cli import main
from nuke_ai_panel.errors import InstallError
from nuke_ai_panel.install import folder, packages, register
from nuke_ai_panel.install.pins import Pin, holds, pins_for, read_pins
from nuke_ai_panel.install.targets import SYSTEMS, Target, folder_of, target_of
from nuke_ai_panel.install.wheels import fits, unpack

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "nuke_ai_panel" / "install" / "pins.txt"
NUKE_15 = ["--nuke", "15.1", "--system", "linux-x86_64"]


def make_wheel(at: Path, name: str, version: str, tags: str, files: Dict[str, str]) -> Path:
    """A wheel as the format wants it, with its record."""
    info = f"{name}-{version}.dist-info"
    content = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
               f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n"}
    rows = []
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}")
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    wheel = at / f"{name}-{version}-{tags}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return wheel


class Index:
    """A package index on loopback: `simple/NAME/` with links to wheels."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "simple").mkdir(parents=True)
        self.pins: List[str] = []
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *given: quiet(*given, directory=str(root)))
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.02])
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/simple/"

    def add(
        self, name: str, version: str, tags: str, files: Dict[str, str], marker: str = "", *, pin: bool = True
    ) -> None:
        page = self.root / "simple" / name
        page.mkdir(exist_ok=True)
        wheel = make_wheel(page, name, version, tags, files)
        links = "".join(f'<a href="{one.name}">{one.name}</a>\n' for one in sorted(page.glob("*.whl")))
        (page / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>", encoding="utf-8")
        if pin:
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            self.pins.append(f"{name}=={version}{f' ; {marker}' if marker else ''} \\\n    --hash=sha256:{digest}")

    def pins_file(self) -> Path:
        path = self.root / "pins.txt"
        path.write_text("\n".join(self.pins) + "\n", encoding="utf-8")
        return path

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    for name in [one for one in os.environ if one.startswith("PIP_") or one.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("HOME", str(tmp_path / "artist"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "artist"))
    made = Index(tmp_path / "index")
    made.add("fast", "1.0", "cp310-cp310-manylinux2014_x86_64", {"fast/__init__.py": "for = 310\n"})
    made.add("fast", "1.0", "cp39-cp39-win_amd64", {"fast/__init__.py": "for = 39\n"}, pin=False)
    made.add("plain", "2.0", "py3-none-any", {"plain.py": "x = 1\n", "plain-2.0.data/scripts/run": "no\n",
                                               "plain-2.0.data/purelib/more.py": "y = 2\n"})
    made.add("elder", "3.0", "py3-none-any", {"elder.py": "z = 3\n"}, "python_version < '3.11'")
    made.add("windows_only", "4.0", "py3-none-any", {"windows_only.py": ""}, "sys_platform == 'win32'")
    yield made
    made.close()


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Runs `nuke-ai-panel` in this process."""
    before = list(logging.getLogger().handlers)

    def run(*words: str) -> Done:
        code = main(list(words))
        seen = capsys.readouterr()
        return Done(code, seen.out, seen.err)

    yield run
    for one in [one for one in logging.getLogger().handlers if one not in before]:
        logging.getLogger().removeHandler(one)


def options(index: Index) -> List[str]:
    return ["--index-url", index.url, "--pins", str(index.pins_file())]


def tree(of: Path) -> List[str]:
    return sorted(path.relative_to(of).as_posix() for path in of.rglob("*") if path.is_file())


def test_folder_has_start_files_packages_and_what_its_python_needs(index: Index, cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "Studio Tools"
    done = cli("install", *NUKE_15, "--target", str(target), *options(index))
    assert done.code == 0, done.err
    assert f"NUKE_PATH={target}" in done.out
    names = tree(target / "packages" / "py3.10-linux-x86_64")
    modules = [name for name in names if "dist-info" not in name]
    assert modules == ["elder.py", "fast/__init__.py", "more.py", "plain.py"]
    for name in ("init.py", "menu.py"):
        assert (target / name).read_bytes() == (ROOT / name).read_bytes()
    assert (target / "nuke_ai_panel" / "app.py").exists() and (target / "src/nuke_ai_panel_qt/qt.py").exists()
    receipt = json.loads((target / "nuke-ai-panel-receipt.json").read_text(encoding="utf-8"))
    assert receipt["targets"] == {"py3.10-linux-x86_64": {"fast": "1.0", "plain": "2.0", "elder": "3.0"}}
    for name, digest in receipt["files"].items():
        assert hashlib.sha256((target / name).read_bytes()).hexdigest() == digest


def test_second_nuke_joins_the_folder_and_a_second_run_changes_nothing(index: Index, cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "folder"
    assert cli("install", *NUKE_15, "--target", str(target), *options(index)).code == 0
    before = tree(target / "packages")
    assert cli("install", *NUKE_15, "--target", str(target), *options(index)).code == 0
    assert tree(target / "packages") == before
    pins = tmp_path / "few.txt"
    pins.write_text("\n".join(one for one in index.pins if one.startswith("plain")), encoding="utf-8")
    done = cli("install", "--nuke", "16.0", "--system", "windows-x86_64", "--target", str(target), "--index-url",
               index.url, "--pins", str(pins))
    assert done.code == 0, done.err
    assert (target / "packages/py3.11-win32-AMD64/plain.py").exists()
    assert (target / "packages/py3.10-linux-x86_64/plain.py").exists()


def test_uninstall_leaves_what_is_not_ours_and_what_was_changed(index: Index, cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "folder"
    assert cli("install", *NUKE_15, "--target", str(target), *options(index)).code == 0
    (target / "notes.txt").write_text("mine")
    (target / "menu.py").write_text("# changed by a TD\n")
    (target / "nuke_ai_panel" / "__pycache__").mkdir()
    (target / "nuke_ai_panel" / "__pycache__" / "app.pyc").write_bytes(b"x")
    dry = cli("uninstall", "--target", str(target), "--dry-run")
    assert dry.code == 0 and "Would leave menu.py" in dry.out and (target / "init.py").exists()
    done = cli("uninstall", "--target", str(target))
    assert dry.out.split(" files")[0].replace("Would remove", "Removed") == done.out.split(" files")[0]
    assert done.code == 0, done.err
    assert tree(target) == ["menu.py", "notes.txt"] and "Left menu.py" in done.out
    again = cli("uninstall", "--target", str(target))
    assert again.code == 1 and "no receipt" in again.err


def test_command_of_an_installed_folder_has_its_packages(tmp_path: Path) -> None:
    folder = tmp_path / "AI Panel"
    shutil.copytree(ROOT / "nuke_ai_panel", folder / "nuke_ai_panel", ignore=shutil.ignore_patterns("__pycache__"))
    own = folder / "packages" / folder_of() / "tomlkit"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-S", "-m", "nuke_ai_panel", "doctor"], capture_output=True, text=True, timeout=120,
        cwd=folder, env={"NUKE_AI_PANEL_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}, check=False)

    assert "! aiohttp" in done.stdout and "! tomlkit" not in done.stdout, done.stdout + done.stderr


def test_folder_of_somebody_else_is_left_alone(index: Index, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "menu.py").write_text("theirs")
    done = cli("install", *NUKE_15, "--target", str(tmp_path / "theirs"), *options(index))
    assert done.code == 1 and "is not empty" in done.err
    assert tree(tmp_path / "theirs") == ["menu.py"]


def test_artists_own_init_leads_to_the_default_folder_and_is_given_back(
    index: Index, cli: Cli, tmp_path: Path
) -> None:
    own = tmp_path / "artist" / ".nuke" / "init.py"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"# mine \xe9\nimport nuke")
    assert cli("install", *NUKE_15, *options(index)).code == 0
    assert cli("install", *NUKE_15, *options(index)).code == 0
    text = own.read_bytes().decode("latin-1")
    assert text.count("nuke.pluginAddPath") == 1 and text.startswith("# mine \xe9\nimport nuke\n")
    compile(text, "init.py", "exec")
    assert cli("uninstall").code == 0
    assert own.read_bytes() == b"# mine \xe9\nimport nuke\n"
    assert not (own.parent / "nuke-ai-panel").exists()


def test_dry_run_writes_nothing_and_asks_nobody(cli: Cli, tmp_path: Path) -> None:
    done = cli("install", *NUKE_15, "--target", str(tmp_path / "new"), "--dry-run", "--index-url", "http://127.0.0.1:9")
    assert done.code == 0 and "aiohttp 3" in done.out and "async-timeout" in done.out
    assert not (tmp_path / "new").exists()


def test_bundle_installs_without_a_network_or_pip(index: Index, cli: Cli, tmp_path: Path) -> None:
    bundle = tmp_path / "ai.zip"
    done = cli("install", *NUKE_15, "--bundle", str(bundle), *options(index))
    assert done.code == 0 and bundle.exists(), done.err
    target = tmp_path / "offline"
    code = "import sys; sys.modules['pip'] = None; from nuke_ai_panel.cli import main; sys.exit(main())"
    ran = subprocess.run(
        [sys.executable, "-c", code, "install", "--from", str(bundle), "--target", str(target)],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert ran.returncode == 0, ran.stderr
    assert (target / "packages/py3.10-linux-x86_64/elder.py").exists() and (target / "menu.py").exists()
    wrong = cli("install", "--from", str(bundle), "--nuke", "16", "--target", str(tmp_path / "x"))
    assert wrong.code == 1 and "The bundle is for py3.10" in wrong.err


def test_damaged_bundles_are_refused(index: Index, cli: Cli, tmp_path: Path) -> None:
    bundle = tmp_path / "ai.zip"
    assert cli("install", *NUKE_15, "--bundle", str(bundle), *options(index)).code == 0
    cut = tmp_path / "cut.zip"
    cut.write_bytes(bundle.read_bytes()[:-2000])
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(changed, "w") as new:
        for info in old.infolist():
            new.writestr(info, b"evil" if info.filename == "files/menu.py" else old.read(info))
    for path, words in ((cut, "no bundle"), (changed, "is damaged"), (tmp_path / "none.zip", "cannot be read")):
        done = cli("install", "--from", str(path), "--target", str(tmp_path / "x"))
        assert done.code == 1 and words in done.err, (path.name, done.err)
    assert not (tmp_path / "x").exists()


def test_wheel_with_other_bytes_is_refused(index: Index, cli: Cli, tmp_path: Path) -> None:
    pins = index.pins_file()
    pins.write_text(re.sub("sha256:[0-9a-f]+", "sha256:" + "0" * 64, pins.read_text("utf-8")), encoding="utf-8")
    done = cli("install", *NUKE_15, "--target", str(tmp_path / "x"), "--index-url", index.url, "--pins", str(pins))
    assert done.code == 1 and "not the one that was tested" in done.err
    assert not (tmp_path / "x").exists()


def test_index_that_is_not_there_is_one_sentence(index: Index, cli: Cli, tmp_path: Path) -> None:
    os.environ["PIP_RETRIES"], os.environ["PIP_DEFAULT_TIMEOUT"] = "0", "1"
    try:
        done = cli("install", *NUKE_15, "--target", str(tmp_path / "x"), "--index-url", "http://127.0.0.1:9/simple",
                   "--pins", str(index.pins_file()))
    finally:
        del os.environ["PIP_RETRIES"], os.environ["PIP_DEFAULT_TIMEOUT"]
    assert done.code == 1 and len(done.err.strip().splitlines()) == 1
    assert "--from" in done.err or "--index-url" in done.err


@pytest.mark.parametrize(("words", "said"), [
    (["--nuke", "13.2"], "too old"), (["--nuke", "12"], "too old"), (["--nuke", "99"], "not known"),
    (["--nuke", "fifteen"], "no version"), (["--python", "3.7"], "not supported"), (["--python", "3"], "no version"),
    (["--nuke", "15", "--system", "amiga"], "no system"),
])
def test_what_cannot_be_built_is_said(words: List[str], said: str, cli: Cli, tmp_path: Path) -> None:
    done = cli("install", *words, "--target", str(tmp_path / "x"))
    assert done.code == 1 and said in done.err and not (tmp_path / "x").exists()


@pytest.mark.parametrize(("nuke", "python"), [
    ("14.0", (3, 9)), ("14.1v4", (3, 9)), ("15", (3, 10)), ("15.1", (3, 10)), ("16.0v8", (3, 11)), ("17.1", (3, 11))])
def test_python_of_a_nuke(nuke: str, python: Tuple[int, int]) -> None:
    assert target_of(nuke=nuke, system="windows-x86_64").python == python


@pytest.mark.parametrize("python", [(3, 9), (3, 10), (3, 11), (3, 13)])
@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_shipped_pins_are_whole_for_every_target(python: Tuple[int, int], system: str) -> None:
    chosen = pins_for(read_pins(PINS.read_text(encoding="utf-8"), "pins.txt"), Target(python, SYSTEMS[system]))
    names = {one.name for one in chosen}
    assert {package.name.replace("_", "-") for package in packages.REQUIRED} <= names
    assert all(one.hashes for one in chosen) and "xllamacpp" not in names
    assert ("async-timeout" in names) is (python < (3, 11))
    assert ("secretstorage" in names) is system.startswith("linux")
    assert ("pywin32-ctypes" in names) is system.startswith("windows")


@pytest.mark.parametrize(("marker", "true"), [
    ("", True), ("python_version < '3.11'", True), ("python_full_version >= '3.11'", False),
    ("python_full_version == '3.10.*'", True), ("python_full_version <= '3.9' and sys_platform == 'linux'", False),
    ("sys_platform == 'win32' or platform_machine == 'x86_64'", True), ("'linux' in sys_platform", True),
    ("(sys_platform == 'win32' or os_name == 'posix') and python_version != '3.9'", True),
    ("python_version ~= '3.8'", True), ("implementation_name not in 'pypy graalpy'", True), ("extra == 'test'", False),
])
def test_markers(marker: str, true: bool) -> None:
    assert holds(marker, Target((3, 10), SYSTEMS["linux-x86_64"]).markers()) is true


@pytest.mark.parametrize("marker", ["python_version", "nonsense == '1'", "python_version < '3' and", "; x", "(os_name"])
def test_markers_that_cannot_be_read_are_refused(marker: str) -> None:
    with pytest.raises(InstallError):
        holds(marker, Target((3, 10), SYSTEMS["linux-x86_64"]).markers())


@pytest.mark.parametrize(("name", "does"), [
    ("a-1-py3-none-any.whl", True), ("a-1-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", True),
    ("a-1-cp39-abi3-manylinux_2_28_x86_64.whl", True), ("a-1-cp311-abi3-manylinux_2_28_x86_64.whl", False),
    ("a-1-cp311-cp311-manylinux2014_x86_64.whl", False), ("a-1-cp310-cp310-win_amd64.whl", False),
    ("a-1-cp310-cp310-manylinux2014_aarch64.whl", False), ("a-1-cp310-cp310-musllinux_1_2_x86_64.whl", False),
])
def test_which_wheels_fit(name: str, does: bool) -> None:
    assert fits(Path(name), Target((3, 10), SYSTEMS["linux-x86_64"])) is does


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py", "a\\..\\out.py", "C:/out.py"])
def test_wheel_never_writes_outside_of_the_folder(name: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "bad", "1", "py3-none-any", {name: "x"})
    with pytest.raises(InstallError, match="outside"):
        unpack(wheel, tmp_path / "into")
    assert not (tmp_path / "out.py").exists()


def test_source_tree_gets_packages_only() -> None:
    assert folder.product_files(ROOT) == {}


def test_own_lines_are_renewed_and_not_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "nuke_home", lambda: tmp_path)
    path = register.add(Path("/one"))
    register.add(Path("/two"))
    assert path.read_text().count("pluginAddPath") == 1 and "/two" in path.read_text()
    register.remove(path)
    assert not path.exists()


def test_requirements_that_are_no_pins_are_refused() -> None:
    assert read_pins("a==1 --hash=sha256:x  # why\n\n# note\n", "p") == [Pin("a", "1", "", ("sha256:x",))]
    with pytest.raises(InstallError, match="no exact version"):
        read_pins("aiohttp>=3\n", "p")
