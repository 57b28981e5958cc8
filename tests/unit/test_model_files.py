"""Model files on this machine: which are listed, found and removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import pytest

from nuke_ai_panel.errors import ModelFileError
from nuke_ai_panel.providers.model_files import CATALOGUE, find_model, installed_models, remove_model
from nuke_ai_panel.providers.simple_index import file_url, project_url

SMOLLM2 = CATALOGUE["smollm2"]


def place(path: Path, size_bytes: int) -> Path:
    """A file of that size, without its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size_bytes)
    return path


def test_a_missing_folder_holds_no_models(tmp_path: Path) -> None:
    assert installed_models(tmp_path / "nowhere") == ()


def test_catalogue_models_other_files_and_the_set_path_are_listed(tmp_path: Path) -> None:
    place(tmp_path / SMOLLM2.file_name, SMOLLM2.size_bytes)
    place(tmp_path / "qwen.gguf", 10)
    place(tmp_path / "notes.txt", 10)
    elsewhere = place(tmp_path / "elsewhere" / "llama.gguf", 20)
    found = installed_models(tmp_path, model_path=str(elsewhere))
    assert [(model.id, model.size_bytes) for model in found] == [
        ("smollm2", SMOLLM2.size_bytes), ("qwen.gguf", 10), (str(elsewhere), 20),
    ]


def test_an_incomplete_catalogue_model_is_not_there(tmp_path: Path) -> None:
    place(tmp_path / SMOLLM2.file_name, SMOLLM2.size_bytes - 1)
    assert installed_models(tmp_path) == ()
    assert find_model("smollm2", tmp_path) is None


@pytest.mark.parametrize(("model", "expected"), [
    ("smollm2", SMOLLM2.file_name),
    ("qwen.gguf", "qwen.gguf"),
    ("{folder}/sub/llama.gguf", "sub/llama.gguf"),
    ("{folder}/missing.gguf", None),
    ("{folder}/sub", None),
    ("{folder}/readme.txt", None),
    ("missing", None),
    ("", None),
])
def test_a_model_is_found_by_id_by_name_and_by_path(tmp_path: Path, model: str, expected: Optional[str]) -> None:
    place(tmp_path / SMOLLM2.file_name, SMOLLM2.size_bytes)
    for name in ("qwen.gguf", "sub/llama.gguf", "readme.txt"):
        place(tmp_path / name, 4)
    found = find_model(model.replace("{folder}", str(tmp_path)), tmp_path)
    assert found == (tmp_path / expected if expected else None)


def test_removing_a_model_deletes_its_file_and_says_how_much_it_freed(tmp_path: Path) -> None:
    path = place(tmp_path / SMOLLM2.file_name, SMOLLM2.size_bytes)
    assert remove_model("smollm2", tmp_path) == SMOLLM2.size_bytes
    assert not path.exists()


@pytest.mark.parametrize("model", ["smollm2", "../outside.gguf", "/etc/passwd", "other.gguf", "smollm2.lock"])
def test_what_is_not_a_model_in_the_folder_is_never_removed(tmp_path: Path, model: str) -> None:
    outside = place(tmp_path / "outside.gguf", 4)
    lock = place(tmp_path / "models" / "smollm2.lock", 0)
    with pytest.raises(ModelFileError) as caught:
        remove_model(model, tmp_path / "models")
    assert "none" in caught.value.next_step
    assert outside.exists() and lock.exists()


@pytest.mark.parametrize(("page", "content_type", "expected"), [
    (b'<a href="/f/m-1-py3-none-any.whl#sha256=1">m</a>', "text/html", "https://i.org/f/m-1-py3-none-any.whl"),
    (b'<a href="../../f/m-1-py3-none-any.whl">m</a>', "text/html", "https://i.org/f/m-1-py3-none-any.whl"),
    (b'<base href="https://cdn.org/x/"><a href="m-1-py3-none-any.whl">m</a>', "text/html",
     "https://cdn.org/x/m-1-py3-none-any.whl"),
    (b'{"files": [{"filename": "m-1-py3-none-any.whl", "url": "https://cdn.org/m.whl"}]}',
     "application/vnd.pypi.simple.v1+json", "https://cdn.org/m.whl"),
    (b'<a href="m-2-py3-none-any.whl">m</a>', "text/html", None),
    (b"", "text/html", None),
])
def test_a_file_is_found_on_the_pages_of_an_index(page: bytes, content_type: str, expected: Optional[str]) -> None:
    page_url = project_url("https://i.org/simple/", "m")
    assert page_url == "https://i.org/simple/m/"
    assert file_url(page, content_type, page_url=page_url, file_name="m-1-py3-none-any.whl") == expected


@pytest.mark.parametrize("page", [b"", b"[]", b"<html>", b'{"files": [{"url": 3}]}'])
def test_what_is_no_page_of_an_index_is_refused(page: bytes) -> None:
    with pytest.raises(ValueError, match="not a page"):
        file_url(page, "application/json", page_url="https://i.org/simple/m/", file_name="m.whl")


@pytest.mark.skipif(not os.environ.get("NUKE_AI_PANEL_TEST_WHEEL"), reason="NUKE_AI_PANEL_TEST_WHEEL names no wheel")
def test_the_catalogue_describes_the_real_wheel() -> None:
    import hashlib
    import zipfile

    wheel = Path(os.environ["NUKE_AI_PANEL_TEST_WHEEL"])
    assert (wheel.name, wheel.stat().st_size) == (SMOLLM2.wheel_name, SMOLLM2.wheel_size_bytes)
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == SMOLLM2.wheel_sha256
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(SMOLLM2.member)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (SMOLLM2.size_bytes, SMOLLM2.sha256)
