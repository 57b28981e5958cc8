"""A reload takes the code from disk into service and costs nobody a connection, a state or a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from tests.fakes.model_server import FakeModelServer

from .reload_kit import Copy, Worker

RELOAD = "result = sys.modules['nuke_ai_panel'].troubleshooter.reload().__dict__"
ASK = "result = str(sys.modules['nuke_ai_panel'].ask('hi', provider='openai', model='fake-model'))"
STATE = "result = sys.modules['nuke_ai_panel'].status()['providers']['openai']['state']"


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "site")


@pytest.fixture
def worker(copy: Copy, home: Path, model_server: FakeModelServer) -> Iterator[Worker]:
    """A process that has asked once and is connected."""
    made = Worker(copy, {
        "NUKE_AI_PANEL_HOME": str(home), "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-reload",
    })
    assert made.do(ASK) == "Hello, artist."
    yield made
    assert made.end() == ""


def test_twenty_reloads_keep_one_connection_and_the_state(worker: Worker, model_server: FakeModelServer) -> None:
    for _ in range(20):
        assert worker.do(RELOAD)["reloaded"] is True
        assert worker.do(STATE) == "connected"
        assert worker.do(ASK) == "Hello, artist."
    assert len(model_server.chats) == 21
    assert model_server.connections == 1


def test_changed_code_is_in_service_at_once(worker: Worker, copy: Copy) -> None:
    for number in (1, 2, 3):  # edits of the same size within one second, which compiled copies cannot tell apart
        copy.edit("nuke_ai_panel/__init__.py", f'__version__ = "0.1.{number - 1}"', f'__version__ = "0.1.{number}"')
        assert worker.do(RELOAD)["reloaded"] is True
        assert worker.do("result = sys.modules['nuke_ai_panel'].__version__") == f"0.1.{number}"


def test_name_imported_before_reaches_the_code_of_today(worker: Worker, copy: Copy) -> None:
    copy.edit("nuke_ai_panel/__init__.py", '__version__ = "0.1.0"', '__version__ = "9.9.9"')
    worker.do(RELOAD)
    assert worker.do("result = ai.__version__") == "9.9.9"
    assert worker.do("result = str(ai.ask('hi', provider='openai', model='fake-model'))") == "Hello, artist."
    assert worker.do("result = 'troubleshooter' in dir(ai)") is True


def unlink(copy: Copy) -> None:
    copy.file("nuke_ai_panel/core/prompt.py").unlink()


BROKEN = {
    "a syntax error": (lambda copy: copy.edit("nuke_ai_panel/core/turn.py", "class Turn:", "class Turn("), "turn.py"),
    "an import error": (
        lambda copy: copy.edit("nuke_ai_panel/core/prompt.py", "\nfrom typing", "\nimport no_such_module\nfrom typing"),
        "prompt.py",
    ),
    "an error in a module's body": (
        lambda copy: copy.edit("nuke_ai_panel/store/ids.py", "\nimport ", "\n1 / 0\nimport "), "ids.py",
    ),
    "a script that leaves": (
        lambda copy: copy.edit("nuke_ai_panel/core/prompt.py", "\nfrom typing", "\nraise SystemExit(3)\nfrom typing"),
        "prompt.py",
    ),
    "a half-written file": (lambda copy: copy.file("nuke_ai_panel/api.py").write_bytes(b"def ask(\0"), "api.py"),
    "a deleted file": (unlink, "nuke_ai_panel.core.prompt"),
    "a provider that cannot be loaded": (
        lambda copy: copy.edit("nuke_ai_panel/providers/openai_provider.py", "class OpenAIProvider", "class Renamed"),
        "OpenAIProvider",
    ),
    "an App that cannot be opened": (
        lambda copy: copy.edit("nuke_ai_panel/app.py", "        settings = load()\n", "        settings = loaded()\n"),
        "app.py",
    ),
}


@pytest.mark.parametrize("what", list(BROKEN))
def test_broken_edit_leaves_the_old_code_in_service(
    worker: Worker, copy: Copy, model_server: FakeModelServer, what: str
) -> None:
    spoil: Callable[[Copy], Any] = BROKEN[what][0]
    spoil(copy)
    outcome = worker.do(RELOAD)
    assert outcome["reloaded"] is False
    assert BROKEN[what][1] in outcome["place"] + outcome["sentence"] + outcome["details"]
    assert "the old code stays in service" in outcome["sentence"]
    assert worker.do(STATE) == "connected"
    assert worker.do(ASK) == "Hello, artist."
    assert model_server.connections == 1


def test_session_of_a_loop_that_was_given_up_stays_with_it(worker: Worker, model_server: FakeModelServer) -> None:
    assert worker.do(ASK) == "Hello, artist."
    worker.do(
        "import asyncio\n"
        "clients = sys.modules['nuke_ai_panel.providers.http_fork']._clients\n"
        "client = next(one for one in clients if one._session.is_open)\n"
        "session, own, other = client._session._aiohttp, client._session._loop, asyncio.new_event_loop()\n"
        "client._session._loop = other\n"
        "sys.modules['nuke_ai_panel.api'].shared_app().providers._live.clear()  # as the loop's end leaves it"
    )
    assert worker.do(RELOAD)["reloaded"] is True
    assert worker.do(ASK) == "Hello, artist."
    assert model_server.connections == 2
    worker.do(
        "asyncio.run_coroutine_threadsafe(session.close(), own).result(5); other.close(); del client, clients, session"
    )


def test_module_that_hangs_is_given_up(worker: Worker, copy: Copy, model_server: FakeModelServer) -> None:
    copy.edit("nuke_ai_panel/core/prompt.py", "\nfrom typing", "\nwhile True:\n    pass\nfrom typing")
    worker.do("sys.modules['nuke_ai_panel.reload'].IMPORT_S = 4.0")
    outcome = worker.do(RELOAD)
    assert outcome["reloaded"] is False
    assert "prompt.py, line" in outcome["place"]
    assert "it was not ready after 4 s" in outcome["sentence"]
    assert worker.do(ASK) == "Hello, artist."
    assert model_server.connections == 1


def test_part_that_cannot_be_thawed_brings_the_old_code_back(
    worker: Worker, copy: Copy, model_server: FakeModelServer
) -> None:
    copy.edit("nuke_ai_panel/api.py", "    if was_open:\n", "    if was_opened:\n")
    outcome = worker.do(RELOAD)
    assert outcome["reloaded"] is False
    assert "api.py, line" in outcome["place"]
    assert worker.do(ASK) == "Hello, artist."
    assert worker.do(STATE) == "connected"
    assert model_server.connections == 1
    copy.edit("nuke_ai_panel/api.py", "    if was_opened:\n", "    if was_open:\n")
    assert worker.do(RELOAD)["reloaded"] is True
    assert worker.do(ASK) == "Hello, artist."
    assert model_server.connections == 1


def test_nothing_of_ours_outlives_a_reload(worker: Worker) -> None:
    worker.do(
        "threads = sorted(one.name for one in threading.enumerate())\n"
        "old = {name: weakref.ref(next(value for value in vars(module).values()"
        " if getattr(value, '__module__', '') == name))"
        " for name, module in list(sys.modules.items()) if name.startswith('nuke_ai_panel.')"
        " and any(getattr(value, '__module__', '') == name for value in vars(module).values())}"
    )
    watch = (
        "from nuke_ai_panel.utils import survivors\n"
        "import nuke_ai_panel.reload\n"
        "found = []\n"
        "ends = nuke_ai_panel.reload.hand_over\n"
        "def hand_over():\n"
        "    ends()\n"
        "    found.append((survivors.names(), survivors.strangers_only()))\n"
        "nuke_ai_panel.reload.hand_over = hand_over"
    )
    worker.do(watch)
    assert worker.do(RELOAD)["reloaded"] is True
    worker.do(ASK)
    kept, strangers = worker.do("result = found[0]")
    assert {"event loop", "provider states", "sessions"} <= set(kept)
    assert strangers == []
    worker.do("del ends, hand_over, survivors, nuke_ai_panel")
    left = worker.do(
        "end = time.monotonic() + 12\n"
        "while any(one() is not None for one in old.values()) and time.monotonic() < end:\n"
        "    gc.collect(); time.sleep(0.1)\n"
        "result = sorted(name for name, one in old.items() if one() is not None)"
    )
    assert left == []
    assert worker.do("result = sorted(one.name for one in threading.enumerate()) == threads") is True


def test_running_answer_is_waited_for_or_stopped_or_left_alone(
    worker: Worker, model_server: FakeModelServer
) -> None:
    model_server.hold(after=1)
    worker.do(
        "from nuke_ai_panel.app import TurnRequest\n"
        "handle = sys.modules['nuke_ai_panel.api'].shared_app().start_turn(TurnRequest('hi', choice="
        "sys.modules['nuke_ai_panel.app'].ModelChoice('openai', 'fake-model')), lambda event: None)\n"
        "while not handle.snapshot().text: time.sleep(0.01)"
    )
    assert "being written" in worker.do("result = ai.troubleshooter.reload(when='idle').sentence")
    assert worker.do("result = ai.troubleshooter.reload(timeout_s=0.05).reloaded") is False
    worker.do("threading.Timer(0.3, lambda: None).start()")
    model_server.release()
    assert worker.do("result = ai.troubleshooter.reload().reloaded") is True
    assert worker.do("result = (handle.result(1).status, handle.result(1).text)") == ["complete", "Hello, artist."]
    assert model_server.connections == 1


def test_reload_can_stop_what_runs(worker: Worker, model_server: FakeModelServer) -> None:
    model_server.hold(after=1)
    worker.do(
        "from nuke_ai_panel.app import TurnRequest, ModelChoice\n"
        "handle = sys.modules['nuke_ai_panel.api'].shared_app().start_turn("
        "TurnRequest('hi', choice=ModelChoice('openai', 'fake-model')), lambda event: None)\n"
        "while not handle.snapshot().text: time.sleep(0.01)"
    )
    assert worker.do("result = ai.troubleshooter.reload(when='stop').reloaded") is True
    assert worker.do("result = (handle.result(1).status, handle.result(1).text)") == ["stopped", "Hello"]
    model_server.release()


def test_third_party_provider_is_reloaded_too(copy: Copy, home: Path, model_server: FakeModelServer) -> None:
    plugin = copy.folder / "studio_models.py"
    plugin.write_text(
        "from nuke_ai_panel.providers.scripted_provider import ScriptedProvider\n"
        "class Studio(ScriptedProvider):\n"
        "    scripts = {'m': ['first']}\n", encoding="utf-8",
    )
    info = copy.folder / "studio_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: studio-models\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[nuke_ai_panel.providers]\nstudio = studio_models:Studio\n", encoding="utf-8"
    )
    (home / "settings.toml").write_text('[providers.ours]\nkind = "studio"\n', encoding="utf-8")
    worker = Worker(copy, {"NUKE_AI_PANEL_HOME": str(home)})
    ask = "result = str(ai.ask('hi', provider='ours', model='m'))"
    assert worker.do(ask) == "first"
    plugin.write_text(plugin.read_text(encoding="utf-8").replace("'first'", "'again'"), encoding="utf-8")
    assert worker.do(RELOAD)["reloaded"] is True
    assert worker.do(ask) == "again"
    assert worker.end() == ""


def test_forked_child_leaves_its_parents_loop_alone_after_a_reload(
    worker: Worker, model_server: FakeModelServer
) -> None:
    worker.do(RELOAD)
    worker.do(ASK)
    code = worker.do(
        "pid = os.fork() if hasattr(os, 'fork') else 0\n"
        "if hasattr(os, 'fork') and pid == 0:\n"
        "    text = str(sys.modules['nuke_ai_panel'].ask('hi', provider='openai', model='fake-model'))\n"
        "    os._exit(0 if text == 'Hello, artist.' else 7)\n"
        "result = os.waitpid(pid, 0)[1] if pid else 0"
    )
    assert code == 0
    assert worker.do(ASK) == "Hello, artist."
    assert model_server.connections == 2


def test_reload_from_the_loop_is_refused(worker: Worker) -> None:
    worker.do(
        "from nuke_ai_panel.utils.event_loop_manager import run_coroutine\n"
        "async def wrong():\n"
        "    try:\n"
        "        sys.modules['nuke_ai_panel.reload'].reload()\n"
        "    except RuntimeError as error:\n"
        "        return str(error)\n"
        "said = run_coroutine(wrong(), 5)\n"
        "del run_coroutine"
    )
    assert "own thread" in worker.do("result = said")


def test_status_and_reconnect_say_a_line_for_each_provider(worker: Worker, model_server: FakeModelServer) -> None:
    assert worker.do("result = ai.troubleshooter.reconnect('openai')") == {"openai": "connected"}
    assert "OpenAI: connected" in worker.printed
    assert worker.do(ASK) == "Hello, artist."
    assert model_server.connections == 2  # the old connection was closed, one new one made


def test_restart_starts_a_new_loop_on_the_same_history(worker: Worker) -> None:
    worker.do("before = sys.modules['nuke_ai_panel.api'].shared_app().store.conversations(kinds=('api',)).result(5)")
    worker.do("ai.troubleshooter.restart()")
    assert worker.do(ASK) == "Hello, artist."
    count = worker.do(
        "result = (len(before), "
        "len(sys.modules['nuke_ai_panel.api'].shared_app().store.conversations(kinds=('api',)).result(5)))"
    )
    assert count == [1, 2]
