"""The library of prompts and presets: folders, front matter, variables, whose they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nuke_ai_panel.core.prompt_files import (
    STUDIO_FOLDERS,
    PromptLibrary,
    filled,
    matching,
    name_from,
    variables_of,
)
from nuke_ai_panel.errors import NukeAIError


@pytest.fixture
def library(tmp_path: Path) -> PromptLibrary:
    studio = tmp_path / "studio"
    (studio / "presets").mkdir(parents=True)
    (studio / "slate.md").write_text("---\ntitle: \"Slate: a check\"\n---\nCheck the slate of {{shot}}.", "utf-8")
    (studio / "presets" / "house.md").write_text("---\nmodel: ollama/qwen3:8b\n---\nHouse rules.", "utf-8")
    return PromptLibrary(tmp_path / "home", {STUDIO_FOLDERS: f"{studio}{os.pathsep}{tmp_path / 'nowhere'}"})


def test_studio_files_are_found_with_their_front_matter_and_belong_to_the_studio(library: PromptLibrary) -> None:
    shelf = library.look()
    slate, house = shelf.named("slate", "prompt"), shelf.named("HOUSE", "preset")
    assert slate is not None and (slate.title, slate.text) == ("Slate: a check", "Check the slate of {{shot}}.")
    assert house is not None and (house.provider, house.model) == ("ollama", "qwen3:8b")
    with pytest.raises(NukeAIError, match="not the user's"):
        library.delete(slate)
    assert Path(slate.path).exists() and slate.is_read_only


def test_own_file_of_the_same_name_replaces_the_studios_and_an_edit_counts_at_the_next_look(
    library: PromptLibrary, tmp_path: Path
) -> None:
    saved = library.save("prompt", "Slate", "Mine: {{shot}}")
    found = library.look().named("slate", "prompt")
    assert found == saved and not saved.is_read_only
    Path(saved.path).write_text("changed and longer", "utf-8")
    again = library.look().named("slate", "prompt")
    assert again is not None and (again.title, again.text) == ("slate", "changed and longer")
    library.delete(again)
    studio = library.look().named("slate", "prompt")
    assert studio is not None and studio.source == "studio"


def test_saving_refuses_what_has_no_name_or_is_there_already(library: PromptLibrary) -> None:
    with pytest.raises(NukeAIError, match="needs a name"):
        library.save("prompt", " ../ ", "words")
    library.save("prompt", "Über Roto", "words")
    assert library.look().named("über-roto", "prompt") is not None
    with pytest.raises(NukeAIError) as error:
        library.save("prompt", "über roto", "other")
    assert "already" in error.value.user_text


def test_bad_files_are_said_and_hide_nothing(library: PromptLibrary, tmp_path: Path) -> None:
    folder = library.folder("prompt")
    folder.mkdir(parents=True)
    (folder / "latin.md").write_bytes(b"caf\xe9 {{x}}")
    (folder / "empty.md").write_text("---\ntitle: Empty\n---\n", "utf-8")
    (folder / "huge.md").write_text("x" * 300_000, "utf-8")
    (folder / "open.md").write_text("---\ntitle: never closed\nwords", "utf-8")
    shelf = library.look()
    assert len(shelf.problems) == 3 and all(str(folder) in one for one in shelf.problems)
    found = shelf.named("open", "prompt")
    assert found is not None and found.title == "open" and found.text.startswith("---")


def test_variables_are_found_and_filled_in_any_spelling() -> None:
    text = "For {{ selected nodes }} and {{Selected_Nodes}}, {{length}}; {{}} {{ 1 }} {not}"
    assert [name for _, _, name in variables_of(text)] == ["selected nodes", "Selected_Nodes", "length"]
    assert filled(text, {"selected_nodes": r"Blur1 \1"}) == r"For Blur1 \1 and Blur1 \1, {{length}}; {{}} {{ 1 }} {not}"


def test_names_that_begin_so_come_first(library: PromptLibrary) -> None:
    library.save("prompt", "Clean-up roto", "x")
    library.save("prompt", "Rocks", "x")
    names = [one.name for one in matching(library.look().prompts, "ro")]
    assert names[:3] == ["rocks", "roto-plan", "clean-up-roto"]
    assert name_from("  What? A/B: test  ") == "what-a-b-test"
