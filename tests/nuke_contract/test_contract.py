"""The contract kit on the double: it must know the same rows, and it must notice a Nuke that differs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from tests.fakes.nuke import Host, Options
from tests.nuke_contract import node_data, run_contract

HERE = Path(__file__).resolve().parent
AS_NUKE = """
import runpy, sys
sys.path.insert(0, {root!r})
from tests.fakes.nuke import Host
Host(version=(16, 0, 8), gui=False).install()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("version", [14, 15, 16, 17])
@pytest.mark.parametrize("gui", [True, False])
def test_double_answers_as_expected(version: int, gui: bool) -> None:
    report = run_contract.run(Host(version=(version, 0, 1), gui=gui).nuke)

    assert [(one["row"], one["about"], one["seen"]) for one in report["differs"]] == []
    assert len(report["rows"]) > 35
    assert report["settled"]["E32: nodes.Nope()"] == "raises RuntimeError"


@pytest.mark.parametrize(("options", "row", "seen"), [
    (Options(bad_enum_raises=False), "E26: an unknown choice", "returns False"),
    (Options(save_over_raises=False), "E28: scriptSaveAs over a file, unasked", "returns False"),
    (Options(bad_creation_knob_keeps_node=False),
     "E30: createNode with an unknown knob: error, and how many nodes stay", ["raises RuntimeError", 0]),
    (Options(this_node_outside_raises=True), "E31: thisNode outside of a callback", "raises ValueError"),
    (Options(unknown_class_attribute=True), "E32: nodes.Nope()", "raises AttributeError"),
    (Options(merge_takes_last_as_b=False), "B1: Merge2 on two selected nodes connects both; which is B",
     [True, "first"]),
    (Options(selection_is_undoable=False), "B50: whether selecting makes an undo entry", False),
])
def test_unknown_rows_may_turn_out_either_way(options: Options, row: str, seen: Any) -> None:
    report = run_contract.run(Host(gui=False, options=options).nuke)

    assert report["settled"][row] == seen
    assert report["differs"] == []


def test_nuke_that_differs_is_reported() -> None:
    nuke = Host(gui=False).nuke
    nuke.toNode = lambda name: "a surprise"

    report = run_contract.run(nuke)

    assert {one["row"] for one in report["differs"]} == {"E5"}


def test_data_patch_names_what_to_correct() -> None:
    data: Dict[str, Any] = {
        "Blur": {"min_inputs": 7, "max_inputs": 9, "knobs": {
            "size": {"type": "Int_Knob", "default": 5}, "nope": {"type": "Int_Knob", "default": 0},
            "filter": {"type": "Enumeration_Knob", "default": None, "values": ["one"]}}},
        "NoSuchClass": {"min_inputs": 0, "max_inputs": 0, "knobs": {}},
    }
    found = node_data.patch(Host().nuke, data)

    assert found["NoSuchClass"] == {"missing": "NoSuchClass: Unknown command"}
    assert set(found["Blur"]) == {"min_inputs", "max_inputs", "knobs"}
    assert found["Blur"]["knobs"]["nope"] == {"missing": True}
    assert found["Blur"]["knobs"]["size"]["default"] == 0.0
    assert "values" in found["Blur"]["knobs"]["filter"]


def test_double_agrees_with_the_data_it_is_made_of() -> None:
    assert node_data.patch(Host().nuke, node_data.load()) == {}


def test_one_command_writes_the_report(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    program = AS_NUKE.format(root=str(HERE.parents[1]))
    # PYTHONPATH is none of Nuke's business: the kit must find its own parts.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    done = subprocess.run([sys.executable, "-c", program, str(HERE / "run_contract.py"), str(target)],
                          capture_output=True, text=True, env=env, check=False)

    assert (done.returncode, done.stdout.startswith("NUKE_CONTRACT ")) == (0, True), done.stdout + done.stderr
    report = json.loads(target.read_text(encoding="utf-8"))
    assert report["nuke"] == "16.0v8" and report["differs"] == []
