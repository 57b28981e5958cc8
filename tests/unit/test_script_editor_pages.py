"""The examples of the Script Editor's pages run, as an artist would paste them, against a double and a fake server."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, List, Mapping, Tuple

import pytest

import nuke_ai_panel as ai
from nuke_ai_panel import api
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel.utils.main_thread import the_main_thread
from tests.fakes.model_server import FakeModelServer
from tests.fakes.nuke import Host

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
ANSWER = ["Feed the despill from the plate.\n", "Two.\n", "Three.\n", "Four.\n", "Five.\n", "Six.\n"]


def examples() -> List[Tuple[str, str]]:
    """(where, code) of every example."""
    found = []
    for page in ("script-editor.md", "recipes.md"):
        text = (DOCS / page).read_text(encoding="utf-8")
        found += [(f"{page}:{text[:one.start()].count(chr(10)) + 2}", one.group(1)) for one in FENCE.finditer(text)]
    return found


def of_schema(schema: Mapping[str, Any]) -> Any:
    """Something that fits."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: of_schema(one) for name, one in schema["properties"].items()}
    if kind == "array":
        return [of_schema(schema["items"])]
    return {"number": 12, "integer": 12, "boolean": True}.get(str(kind), "Blur1")


def words(body: Mapping[str, Any]) -> List[str]:
    """JSON where it is asked for."""
    wanted = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return ANSWER if wanted is None else [json.dumps(of_schema(wanted))]


@pytest.fixture
def desk(
    nuke_double: Callable[..., Host], model_server: FakeModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    """A Nuke with a small comp in it, a file of it, and a provider that answers."""
    forget_host()
    host = nuke_double(version=16)
    nuke = host.nuke
    plate = nuke.nodes.Read(name="Plate", file="/show/plate.%04d.exr")
    blur = nuke.nodes.Blur(name="Blur1", size=12, inputs=[plate])
    grade = nuke.nodes.Grade(name="Grade1", white=1.2, inputs=[blur])
    nuke.nodes.Write(name="Write1", file="/show/comp.%04d.exr", inputs=[grade])
    for node in (blur, grade):
        node["selected"].setValue(True)
    (tmp_path / "shot.nk").write_text("Root {\n inputs 0\n}\nBlur {\n inputs 0\n size 9\n name Blur7\n}\n")
    (tmp_path / "notes.txt").write_text("The plate is noisy.")
    (tmp_path / "frame.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    nuke.modified(False)
    model_server.words = words
    for name, value in (("OPENAI_BASE_URL", model_server.base_url), ("OPENAI_API_KEY", "sk-docs"),
                        ("NUKE_AI_PANEL_PROVIDER", "openai"), ("NUKE_AI_PANEL_MODEL", "fake-model")):
        monkeypatch.setenv(name, value)
    yield host
    ai.close()
    shutdown_event_loop()
    forget_host()


def forget_host() -> None:
    for name in [name for name in sys.modules if name.startswith("nuke_ai_panel_qt.host.")]:
        del sys.modules[name]


def settle() -> None:
    """What an example only started comes to its end, as Nuke's event loop would see to."""
    for handle in api.shared_app().turns():
        handle.result(10)
    the_main_thread().serve_now()


@pytest.mark.parametrize("where,code", examples(), ids=[where for where, _ in examples()])
def test_example_runs(
    where: str, code: str, desk: Host, model_server: FakeModelServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code.replace("/path/to", tmp_path.as_posix()), where, "exec"), {"__name__": "__main__"})
    settle()
    assert capsys.readouterr().out or desk.nuke.modified()
    asked = bool(model_server.chats)
    assert asked or "nobody" in code, "it never asked"
    assert desk.wrong_threads == [] and desk.said == []
    assert not [one for one in model_server.chats if "/path/to" in json.dumps(one.json())]


def test_there_are_twenty_recipes() -> None:
    titles = re.findall(r"^### (\d+)\. ", (DOCS / "recipes.md").read_text(encoding="utf-8"), re.M)
    assert [int(one) for one in titles] == list(range(1, 21))


def test_the_recipes_do_what_they_say(desk: Host, model_server: FakeModelServer, tmp_path: Path) -> None:
    recipes = {where: code for where, code in examples() if where.startswith("recipes")}
    code = {title: next(one for one in recipes.values() if title in one) for title in ("AI: rename", "StickyNote")}
    nuke = desk.nuke
    model_server.words = [json.dumps({"names": [{"old": "Blur1", "new": "SoftMatte"}, {"old": "Grade1", "new": "a b"},
                                                {"old": "NotThere", "new": "Fine"}]})]
    exec(code["AI: rename"], {"__name__": "__main__"})
    assert nuke.toNode("SoftMatte") is not None and nuke.toNode("Grade1") is not None
    nuke.Undo.undo()
    assert nuke.toNode("Blur1") is not None and nuke.toNode("SoftMatte") is None
    model_server.words = ["Two lines."]
    exec(code["StickyNote"], {"__name__": "__main__"})
    settle()
    assert [node["label"].value() for node in nuke.allNodes("StickyNote")] == ["Two lines."]
