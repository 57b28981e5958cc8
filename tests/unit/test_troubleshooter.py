"""The Script Editor's troubleshooter besides reloading: the report, the log's level, the trace of a request."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Iterator

import pytest

from nuke_ai_panel import api, troubleshooter
from nuke_ai_panel.cli import main
from nuke_ai_panel.errors import ProviderError
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from tests.fakes.model_server import FakeModelServer

KEY = "sk-trouble-0123456789abcdef"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, model_server: FakeModelServer) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_BASE_URL", model_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    yield
    troubleshooter.log("info")
    api.close()
    shutdown_event_loop()


def settled(path: Path, end: str) -> str:
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if end in text:
            return text
        time.sleep(0.02)
    raise AssertionError(f"{end!r} was never written")


def test_next_question_and_its_answer_are_written_down_once_and_without_the_key(home: Path) -> None:
    path = troubleshooter.trace_next_request()
    api.ask("a question to trace", provider="openai", model="fake-model")
    text = settled(path, "= answered")
    api.ask("not traced", provider="openai", model="fake-model")
    assert path.parent == home / "logs"
    assert "> POST http://127.0.0.1" in text
    assert "a question to trace" in text
    assert "< 200 after" in text
    assert "Hello" in text
    assert KEY not in text
    assert KEY[:12] not in text
    assert "not traced" not in path.read_text(encoding="utf-8")


def test_request_that_fails_is_written_with_how_it_ended(model_server: FakeModelServer) -> None:
    path = troubleshooter.trace_next_request()
    model_server.stop()
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1"):
        api.ask("hi", provider="openai", model="fake-model", timeout_s=20)
    assert "= network after" in settled(path, "= ")


def test_log_keeps_what_it_is_told_to(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = troubleshooter.log("debug")
    logging.getLogger("nuke_ai_panel.x").debug("a detail")
    assert "a detail" in path.read_text(encoding="utf-8")
    assert "may quote questions" in capsys.readouterr().out
    with pytest.raises(ValueError, match="choose one of"):
        troubleshooter.log("everything")


def test_report_names_the_providers_and_holds_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    api.ask("hi", provider="openai", model="fake-model")
    text = troubleshooter.report()
    assert "openai" in text
    assert KEY not in text
    assert text.splitlines()[0] in capsys.readouterr().out


def test_doctor_connects_anew_and_says_for_each_provider_what_to_do(
    capsys: pytest.CaptureFixture[str], home: Path, model_server: FakeModelServer
) -> None:
    (home / "settings.toml").write_text(
        '[providers.local]\nenabled = false\n[providers.ollama]\nbase_url = "http://127.0.0.1:9"\n', encoding="utf-8"
    )
    main(["doctor", "--fix"])
    said = capsys.readouterr().out.splitlines()
    assert "OpenAI: connected" in said
    assert any(line.startswith("Ollama: unreachable. ") and "try again" in line for line in said)
    assert any(request.path.endswith("/models") for request in model_server.requests)
