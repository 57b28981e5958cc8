"""Rendering and what nodes hand on."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from tests.fakes.nuke import Host, Options

from .rows import shows


def write_node(host: Host, path: str) -> object:
    source = host.nuke.nodes.Constant(name="C")
    return host.nuke.nodes.Write(name="W", file=path, inputs=[source])


@shows("B80")
def test_render_calls_back_and_writes_a_picture_a_frame(host: Host, tmp_path: Path) -> None:
    nuke, seen = host.nuke, []
    node = write_node(host, f"{tmp_path.as_posix()}/a.%04d.png")
    host.renders.write_pictures = True
    for name in ("BeforeRender", "BeforeFrameRender", "AfterFrameRender", "AfterRender"):
        getattr(nuke, f"add{name}")(lambda name=name: seen.append(name))

    nuke.execute(node, 1, 3, 2)

    assert seen == ["BeforeRender", *["BeforeFrameRender", "AfterFrameRender"] * 2, "AfterRender"]
    assert host.renders.done == [("W", [1, 3])]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.0001.png", "a.0003.png"]
    assert (tmp_path / "a.0001.png").read_bytes().startswith(b"\x89PNG")


@shows("B80")
@pytest.mark.parametrize("path", ["", "{folder}/a.nope", "{folder}/missing/a.png"])
def test_render_without_a_proper_file_fails(host: Host, tmp_path: Path, path: str) -> None:
    node = write_node(host, path.format(folder=tmp_path.as_posix()))

    with pytest.raises(RuntimeError):
        host.nuke.execute("W", 1, 1)
    if "missing" in path:
        node["create_directories"].setValue(True)  # type: ignore[index]
        host.nuke.execute("W", 1, 1)
        assert (tmp_path / "missing").is_dir()


@shows("B80")
@pytest.mark.parametrize("raises", [True, False])
def test_disabled_write_fails_or_does_nothing(raises: bool, tmp_path: Path) -> None:
    host = Host(options=Options(disabled_write_raises=raises))
    write_node(host, f"{tmp_path.as_posix()}/a.png")
    host.nuke.toNode("W")["disable"].setValue(True)

    if raises:
        with pytest.raises(RuntimeError, match="disabled"):
            host.nuke.execute("W", 1, 1)
    else:
        host.nuke.execute("W", 1, 1)


@shows("B81")
def test_errors_travel_down_the_tree_but_not_to_viewers(host: Host) -> None:
    nuke = host.nuke
    read = nuke.nodes.Read(name="R")
    blur = nuke.nodes.Blur(inputs=[read])
    viewer = nuke.nodes.Viewer(inputs=[blur])
    host.set_error("R", "no such file")

    assert (read.hasError(), read.treeHasError(), blur.hasError(), blur.treeHasError()) == (True, True, False, True)
    assert (viewer.hasError(), viewer.treeHasError()) == (False, False)
    with pytest.raises(RuntimeError, match="no such file"):
        nuke.execute(blur, 1, 1)


@shows("B82")
def test_viewer_is_active_only_where_there_is_one(host: Host, terminal: Host) -> None:
    assert host.nuke.activeViewer() is None
    viewer = host.nuke.createNode("Viewer")
    assert host.nuke.activeViewer().node() is viewer
    terminal.nuke.createNode("Viewer")
    assert terminal.nuke.activeViewer() is None


@shows("B83")
def test_format_and_frames_come_from_input_zero(host: Host) -> None:
    nuke = host.nuke
    nuke.addFormat("100 50 small")
    read = nuke.nodes.Read(name="R", first=5, last=9)
    read["format"].setValue("small")
    blur = nuke.nodes.Blur(inputs=[read])
    crop = nuke.nodes.Crop(inputs=[blur], box=[1, 2, 3, 4])

    assert (blur.width(), blur.format().name(), blur.bbox().h()) == (100, "small", 50)
    assert (blur.firstFrame(), blur.lastFrame(), crop.bbox().w()) == (5, 9, 2)
    assert nuke.nodes.NoOp().width() == nuke.root().width()
    assert blur.metadata("input/filename") == "" and blur.metadata("none") is None


def test_pixels_are_never_pretended(host: Host) -> None:
    node = host.nuke.createNode("Blur")
    calls: List[object] = [lambda: node.sample("red", 1, 1), lambda: host.nuke.tcl("exec ls"),
                           lambda: host.nuke.runIn("root", "1"),
                           lambda: host.nuke.createNode("Viewer").capture("x.jpg")]
    for call in calls:
        with pytest.raises(NotImplementedError, match="fake nuke"):
            call()  # type: ignore[operator]
