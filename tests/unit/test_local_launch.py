"""How the built-in model's child is started: never with Nuke in Python's place, and never with nonsense."""

from __future__ import annotations

from typing import Dict, FrozenSet

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.messages import Json
from nuke_ai_panel.providers.local_launch import choose_python, is_python, launch_for, physical_cores
from nuke_ai_panel.settings import ProviderSettings


def row(**options: Json) -> ProviderSettings:
    return ProviderSettings("local", kind="local", options=options)


NUKE = "/usr/local/Nuke16.0v1/Nuke16.0"
WINDOWS_NUKE = r"C:\Program Files\Nuke16.0v1\Nuke16.0.exe"


@pytest.mark.parametrize(("facts", "there", "expected"), [
    ({"executable": "/venv/bin/python"}, {"/venv/bin/python"}, "/venv/bin/python"),
    ({"executable": "/usr/bin/python3.11"}, {"/usr/bin/python3.11"}, "/usr/bin/python3.11"),
    ({"executable": r"C:\Py\pythonw.exe"}, {r"C:\Py\pythonw.exe"}, r"C:\Py\pythonw.exe"),
    ({"executable": "/venv/bin/python", "setting": "/opt/py/bin/python3"}, {"/venv/bin/python", "/opt/py/bin/python3"},
     "/opt/py/bin/python3"),
    ({"executable": NUKE, "setting": "/studio/python.sh"}, {NUKE, "/studio/python.sh"}, "/studio/python.sh"),
    ({"executable": NUKE, "base_executable": "/opt/python3"}, {NUKE, "/opt/python3"}, "/opt/python3"),
    ({"executable": NUKE, "base_executable": NUKE}, {NUKE, "/usr/local/Nuke16.0v1/python3"},
     "/usr/local/Nuke16.0v1/python3"),
    ({"executable": NUKE, "prefix": "/usr/local/Nuke16.0v1"},
     {NUKE, "/usr/local/Nuke16.0v1/bin/python3.11", "/usr/local/Nuke16.0v1/bin/python3"},
     "/usr/local/Nuke16.0v1/bin/python3.11"),
    ({"executable": WINDOWS_NUKE}, {WINDOWS_NUKE, r"C:\Program Files\Nuke16.0v1/python.exe"},
     r"C:\Program Files\Nuke16.0v1/python.exe"),
    ({"executable": "", "prefix": "/usr"}, {"/usr/bin/python3"}, "/usr/bin/python3"),
])
def test_the_interpreter_is_the_set_one_else_ourselves_else_the_one_beside_the_host(
    facts: Dict[str, str], there: FrozenSet[str], expected: str
) -> None:
    known = {"base_executable": "", "prefix": "", **facts}
    setting = known.pop("setting", None)
    assert choose_python(setting, version=(3, 11), exists=there.__contains__, **known) == expected


@pytest.mark.parametrize("executable", [NUKE, "/opt/nuke/NukeX", ""])
def test_the_host_itself_is_never_started_as_a_python(executable: str) -> None:
    with pytest.raises(SettingsError) as caught:
        choose_python(executable=executable, base_executable=executable, prefix="", exists={executable}.__contains__)
    assert "options.python" in caught.value.next_step


def test_a_set_interpreter_that_is_not_there_is_said_so() -> None:
    with pytest.raises(SettingsError, match="/opt/none/python"):
        choose_python("/opt/none/python")


@pytest.mark.parametrize(("name", "expected"), [
    ("python", True), ("python3", True), ("python3.11", True), ("Python.exe", True), ("pythonw.exe", True),
    ("/a/b/python3.9", True), ("Nuke16.0", False), ("python-config", False), ("mypython", False), ("", False),
    (None, False),
])
def test_a_python_is_known_by_its_name(name: str, expected: bool) -> None:
    assert is_python(name) is expected


def test_the_defaults_leave_a_core_free_and_fit_the_models_window() -> None:
    launch = launch_for(row(), context_limit=8192, is_small=True)
    assert (launch.n_ctx, launch.threads, launch.parallel) == (4096, max(1, physical_cores() - 1), 2)
    assert launch_for(row(), context_limit=None, is_small=False).parallel == 1


def test_a_window_is_settable_up_to_the_models_own() -> None:
    assert launch_for(row(num_ctx=2048), context_limit=8192, is_small=True).n_ctx == 2048
    assert launch_for(row(num_ctx=99_999), context_limit=8192, is_small=True).n_ctx == 8192
    assert launch_for(row(num_ctx=99_999), context_limit=None, is_small=False).n_ctx == 99_999


@pytest.mark.parametrize("options", [
    {"num_ctx": "many"}, {"num_ctx": 0}, {"threads": 0}, {"threads": True}, {"parallel": 1.5}, {"gpu_layers": -2},
    {"python": 3},
])
def test_an_option_that_makes_no_sense_is_named(options: Dict[str, Json]) -> None:
    with pytest.raises(SettingsError) as caught:
        launch_for(row(**options), context_limit=None, is_small=False)
    assert f"providers.local.options.{next(iter(options))}" in caught.value.next_step
