"""Starting Nuke, its environment, its callbacks, and its modules."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable, List

import pytest

from tests.fakes.nuke import Host

from .rows import shows

NOTE = "import nuke\nnuke.tprint('{0} ' + __file__.rsplit('/', 2)[-2])\n"


def folder(path: Path, **files: str) -> str:
    path.mkdir()
    for name, text in files.items():
        (path / f"{name}.py").write_text(text)
    return path.as_posix()


@shows("B71")
@pytest.mark.parametrize("gui", [True, False])
def test_init_runs_always_and_menu_with_an_interface(
    nuke_double: Callable[..., Host], tmp_path: Path, gui: bool
) -> None:
    host = nuke_double(version=14, gui=gui)
    home = folder(tmp_path / "home", init=NOTE.format("init"), menu=NOTE.format("menu"))
    site = folder(tmp_path / "site", init=NOTE.format("init") + "nuke.pluginAddPath('../extra')\n")
    folder(tmp_path / "extra", init=NOTE.format("init"), menu=NOTE.format("menu"))

    host.run_startup([home, site])

    assert host.said == ["init site", "init extra", "init home"] + (["menu home", "menu extra"] if gui else [])
    assert host.nuke.pluginPath()[0].endswith("/extra") and sys.path[0].endswith("/extra")


@shows("B71")
def test_product_starts_in_every_version(nuke_double: Callable[..., Host]) -> None:
    here = Path(__file__).resolve().parents[3]
    for version in (14, 15, 16, 17):
        host = nuke_double(version=version)
        sys.modules.pop("nuke_ai_panel_qt.host.install", None)
        host.run_startup([here.as_posix()])
        assert host.panels.registrations == ["com.nuke_ai_panel.chat", "com.nuke_ai_panel.explorer"], host.said
    terminal = nuke_double(version=16, gui=False)
    terminal.run_startup([here.as_posix()])
    assert terminal.panels.registrations == []
    sys.modules.pop("nuke_ai_panel_qt.host.install", None)


@shows("B74")
def test_environment_is_no_dictionary(host: Host) -> None:
    env = host.nuke.env

    assert env["NukeVersionMajor"] == 16 and env.get("hiero") is False and env.get("nope", 5) == 5
    assert "gui" in list(env.keys()) and "gui" in env
    env["threads"] = 8
    assert env["threads"] == 8
    for wrong in (iter, len, list):
        with pytest.raises(TypeError):
            wrong(env)
    with pytest.raises(KeyError):
        env["nope"]


@shows("B75")
def test_callbacks_run_in_nukes_order_and_one_that_raises_stops_the_rest(host: Host) -> None:
    nuke, seen = host.nuke, []

    def note(text: str) -> None:
        seen.append(text)

    nuke.addOnCreate(note, "every")
    nuke.addOnCreate(note, ("first",), nodeClass="Blur")
    nuke.addOnCreate(note, ("second",), nodeClass="Blur")
    nuke.addOnCreate(note, ("first",), nodeClass="Blur")
    nuke.nodes.Blur()
    assert seen == ["second", "first", "every"]

    nuke.removeOnCreate(note, ("first",), nodeClass="Blur")
    nuke.removeOnCreate(note, ("never added",))
    nuke.addOnCreate(lambda: 1 / 0, nodeClass="Blur")
    seen.clear()
    with pytest.raises(ZeroDivisionError):
        nuke.nodes.Blur()
    assert seen == ["second"]


@shows("B75")
def test_knob_changed_of_one_node_goes_by_identity(host: Host) -> None:
    nuke, seen = host.nuke, []
    one, other = nuke.createNode("Blur"), nuke.createNode("Blur")
    nuke.addKnobChanged(lambda: seen.append(nuke.thisNode()), node=one)

    one["size"].setValue(1)
    other["size"].setValue(1)

    assert set(seen) == {one}


@shows("B75")
def test_code_in_callback_knobs_is_noted_and_never_run(host: Host) -> None:
    node = host.nuke.nodes.Write(name="W")
    node["onDestroy"].setValue("raise SystemExit")

    host.nuke.delete(node)

    assert host.callbacks.code_noted == [("W", "OnDestroy", "raise SystemExit")]


def test_fresh_modules_for_each_test_that_leave_nothing(nuke_double: Callable[..., Host]) -> None:
    first = nuke_double(version=15)
    import nuke

    nuke.only_mine = 1  # type: ignore[attr-defined]
    assert nuke is first.nuke is sys.modules["nuke_internal"]
    second = nuke_double(version=16)

    assert not hasattr(second.nuke, "only_mine") and sys.modules["nuke"] is second.nuke
    second.uninstall()
    assert "nuke" not in sys.modules and "nukescripts.panels" not in sys.modules


@pytest.mark.parametrize("name", ["selected", "allNodeClasses", "showPanel", "getSelectedNodes", "findNode", "save"])
def test_unknown_names_do_not_exist(host: Host, name: str) -> None:
    for thing in (host.nuke, host.nukescripts, host.nuke.createNode("Blur"), host.nuke.Undo):
        with pytest.raises(AttributeError):
            getattr(thing, name)


@pytest.mark.parametrize(("version", "binding", "has"), [(13, "PySide2", False), (15, "PySide2", False),
                                                         (16, "PySide6", True), (17, "PySide6", True)])
def test_versions_differ(version: int, binding: str, has: bool) -> None:
    host = Host(version=(version, 1, 2), hiero=True)
    nuke: Any = host.nuke

    assert (version, f"{version}.1v2") == (nuke.NUKE_VERSION_MAJOR, nuke.NUKE_VERSION_STRING)
    assert (host.qt_binding, hasattr(nuke, "activeGroup"), nuke.canCreateNode("VariableGroup")) == (binding, has, has)
    assert nuke.env["hiero"] is True and not hasattr(nuke, "message")
    assert Host(terminal=True).nuke.GUI is False
    names: List[str] = list(host.modules)
    assert ("nuke_internal" in names) is (version >= 14)
