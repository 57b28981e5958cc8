"""A digest says what a script does, fits its limit, and says what it left out."""

from __future__ import annotations

import pytest

from nuke_ai_panel.nk import digest
from nuke_ai_panel.nk.digest import estimate_tokens

from .scripts import DATA

SHOT = (DATA / "shot_with_code.nk").read_text(encoding="utf-8")


def test_digest_tells_nodes_knobs_and_connections() -> None:
    made = digest(SHOT)

    assert made.text.startswith("Nuke 15.0 v4; /jobs/a.nk; first_frame 1001; last_frame 1100; 10 nodes: ")
    assert "\nRead1 (Read): file /jobs/plate.####.exr, first 1001\n" in made.text
    assert "\nBlur1 (Blur) < Read1: size curve of 2 keys, frames 1001 to 1100, from 0 to 50, label " in made.text
    assert "\nMerge1 (Merge2) < B Constant1, A nothing, mask Read1: operation screen\n" in made.text
    assert "\n  Output1 (Output) < Input1\n" in made.text
    assert "clone of Merge1" in made.text
    assert made.text.endswith("\nLeft out: 1 Dot.")
    assert (made.node_count, made.left_out) == (10, ("1 Dot",))


def test_digest_never_tells_where_a_node_sits() -> None:
    assert "xpos" not in digest("Dot {\n label x\n xpos 5\n tile_color 0xff\n selected true\n}\n").text


@pytest.mark.parametrize("limit", [10, 25, 60, 100, 150, 200, 260, 1000])
def test_digest_fits_its_limit_and_says_what_is_missing(limit: int) -> None:
    made = digest(SHOT, limit_tokens=limit)

    assert made.tokens == estimate_tokens(made.text) <= limit
    assert made.left_out


def test_reads_and_writes_stay_longest() -> None:
    nodes = "".join(f"Blur {{\n size {at}\n name Blur{at}\n}}\n" for at in range(500))
    read = "Read {\n inputs 0\n file /a/in.exr\n name Read1\n}\n"
    text = f"{read}{nodes}Write {{\n file /a/out.exr\n name Write1\n}}\n"

    made = digest(text, 300)

    assert made.tokens <= 300
    assert "/a/in.exr" in made.text and "/a/out.exr" in made.text
    assert made.shown_count < made.node_count == 502
    assert any("Blur)" in one for one in made.left_out)


def test_large_script_still_shows_what_fits() -> None:
    text = "".join(f"Blur {{\n inputs 0\n size {at}\n name Blur{at}\n}}\n" for at in range(20_000))

    made = digest(text, 600)

    assert made.tokens <= 600
    assert 30 < made.shown_count < 200
    assert made.left_out[0].startswith("19")


def test_knobs_of_groups_give_way_first() -> None:
    inside = "".join(f" Blur {{\n  inputs 0\n  channels rgba\n  name In{at}\n }}\n" for at in range(30))
    text = f"Group {{\n inputs 0\n name G\n}}\n{inside}end_group\nBlur {{\n size 77\n name Out\n}}\n"

    made = digest(text, digest(text, 5000).tokens - 60)

    assert "Out (Blur) < G: size 77" in made.text and "In0 (Blur): channels rgba" in made.text
    assert "In29 (Blur)\n" in made.text
    assert any(one.startswith("the knobs of") for one in made.left_out)


def test_the_callers_estimate_counts() -> None:
    made = digest(SHOT, 40, estimate=lambda text: len(text.split()))

    assert len(made.text.split()) <= 40


def test_long_value_is_cut_and_says_so() -> None:
    made = digest('Text2 {\n message "' + "word " * 400 + '"\n name T\n}\n', 2000)

    assert "… (2002 characters)" in made.text
    assert made.left_out == ("the rest of 1 long value",)


def test_dots_with_words_are_shown_and_others_passed_over() -> None:
    text = ("Read {\n inputs 0\n name R\n}\nDot {\n name D1\n}\nDot {\n name D2\n}\nDot {\n label here\n name D3\n}\n"
            "Blur {\n name B\n}\n")

    lines = digest(text).text.splitlines()

    assert lines[1:] == ["R (Read)", "D3 (Dot) < R: label here", "B (Blur) < D3", "Left out: 2 Dots."]


def test_empty_script_has_a_digest() -> None:
    made = digest("version 15.0 v4\n")

    assert (made.text, made.left_out) == ("Nuke 15.0 v4; 0 nodes", ())
