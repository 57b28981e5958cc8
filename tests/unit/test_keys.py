"""Keys: where they are looked for, how long that may take, and that they never show."""

from __future__ import annotations

import copy
import os
import pickle
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.keys import Key, Keys, clean_key, service_of, system_backend
from nuke_ai_panel.settings import ProviderSettings

from ..conftest import LogLines

TEXT = "sk-" + "a1b2c3d4" * 4
CLOUD = ProviderSettings("openai", "openai", base_url="https://api.openai.com/v1", key_env="OPENAI_API_KEY")
NEAR = ProviderSettings("openai", "openai", base_url="http://127.0.0.1:8000/v1", key_env="OPENAI_API_KEY")


class MemoryStore:
    """A key store that works, and counts what it is asked."""

    def __init__(self) -> None:
        self.kept: Dict[Tuple[str, str], str] = {}
        self.asked: List[str] = []

    def get_password(self, service: str, username: str) -> Optional[str]:
        self.asked.append(service)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class MuteStore(MemoryStore):
    """A key store that accepts a question and never answers, as a hung Secret Service does."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def get_password(self, service: str, username: str) -> Optional[str]:
        self.asked.append(service)
        self.released.wait(30)
        return None


class KeyringLockedError(Exception):
    """Named as keyring's own."""


class LockedStore(MemoryStore):
    """A key store whose prompt the user dismissed."""

    def get_password(self, service: str, username: str) -> Optional[str]:
        self.asked.append(service)
        raise KeyringLockedError("dismissed")


class ForgetfulStore(MemoryStore):
    """A key store that says it kept a key and did not."""

    def set_password(self, service: str, username: str, password: str) -> None:
        return None


def keys_on(home: Path, store: Optional[MemoryStore], env: Optional[Dict[str, str]] = None) -> Keys:
    return Keys(env or {}, home, deadline_s=0.3, backend=lambda: store)


def test_the_environment_comes_first_and_opens_no_key_store(home: Path) -> None:
    store = MemoryStore()
    keys = keys_on(home, store, {"OPENAI_API_KEY": f" {TEXT}\n"})

    assert keys.find(CLOUD) == Key(TEXT)
    assert keys.source(CLOUD) == "OPENAI_API_KEY"
    assert store.asked == []


def test_a_stored_key_is_read_back_and_belongs_to_its_address(home: Path) -> None:
    keys = keys_on(home, MemoryStore())

    keys.store(CLOUD, TEXT)

    elsewhere = ProviderSettings("openai", "openai", base_url="https://evil.example/v1", key_env="OPENAI_API_KEY")
    assert (keys.find(CLOUD), keys.source(CLOUD)) == (Key(TEXT), "keyring")
    assert keys.find(elsewhere) is None
    assert service_of(CLOUD) == "nuke-ai-panel openai https://api.openai.com:443"


def test_another_session_sees_a_changed_key_at_its_next_look(home: Path) -> None:
    store = MemoryStore()
    mine, theirs = keys_on(home, store), keys_on(home, store)
    mine.store(CLOUD, TEXT)
    assert theirs.find(CLOUD) == Key(TEXT)

    mine.store(CLOUD, TEXT + "new")

    assert theirs.find(CLOUD) == Key(TEXT + "new")


@pytest.mark.parametrize("provider", [
    NEAR, ProviderSettings("ollama", "ollama", base_url=":11434", key_env="OLLAMA_API_KEY"),
    ProviderSettings("local", "local"), ProviderSettings("demo", "scripted"),
])
def test_a_server_on_this_machine_never_opens_the_key_store(home: Path, provider: ProviderSettings) -> None:
    store = MemoryStore()

    assert keys_on(home, store).find(provider) is None
    assert store.asked == []


def test_a_mute_key_store_costs_the_deadline_once_until_asked_again(home: Path, log_lines: LogLines) -> None:
    store = MuteStore()
    keys = keys_on(home, store)
    started = time.monotonic()

    first, first_s = keys.find(CLOUD), time.monotonic() - started
    second, both_s = keys.find(CLOUD), time.monotonic() - started

    log_lines.take("did not answer within 0.3 s")
    assert (first, second, len(store.asked)) == (None, None, 1)
    assert 0.25 < first_s < 1.5
    assert both_s - first_s < 0.1
    assert keys.trouble == "The system's key store is not answering."
    keys.ask_again()
    assert keys.find(CLOUD) is None
    log_lines.take("did not answer")
    assert len(store.asked) == 2
    store.released.set()


def test_a_late_answer_lets_the_key_store_be_asked_again(home: Path, log_lines: LogLines) -> None:
    store = MuteStore()
    keys = keys_on(home, store)
    assert keys.find(CLOUD) is None
    log_lines.take("did not answer")

    store.released.set()  # the human has typed the password at last

    ends = time.monotonic() + 10
    while keys.trouble and time.monotonic() < ends:
        time.sleep(0.01)
    assert keys.trouble == "" and keys.find(CLOUD) is None and len(store.asked) == 2


def test_a_key_lies_in_one_place_the_one_that_was_chosen_last(home: Path) -> None:
    store = MemoryStore()
    keys = keys_on(home, store)
    for text, where in ((TEXT + "1", "memory"), (TEXT + "2", "keyring"), (TEXT + "3", "file"), (TEXT + "4", "keyring")):
        keys.store(CLOUD, text, where=where)  # type: ignore[arg-type]  # the three places
        assert (keys.find(CLOUD), keys.source(CLOUD)) == (Key(text), where)

    assert list(store.kept.values()) == [TEXT + "4"]
    assert TEXT not in (home / "keys.toml").read_text("utf-8")


@pytest.mark.parametrize("named", ["no.such.module.Keyring", "keyring.backends.null.Keyring",
                                   "keyrings.alt.file.PlaintextKeyring"])
def test_a_backend_named_in_the_environment_is_ignored_with_a_warning(
    home: Path, log_lines: LogLines, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", named)
    store = MemoryStore()
    keys = Keys(dict(os.environ), home, backend=lambda: store)

    keys.store(CLOUD, TEXT)

    assert (keys.find(CLOUD), list(store.kept.values())) == (Key(TEXT), [TEXT])
    assert named in log_lines.take("is ignored").getMessage()
    assert keys.warning == f"PYTHON_KEYRING_BACKEND={named} is ignored: keys go into the system's own key store only."


class NarrowStore(MemoryStore):
    """A key store that fails as Windows' does when a key is too long for it."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(1783, "CredWrite", "The stub received bad data")


def test_a_key_that_windows_itself_refuses_is_explained(home: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        keys_on(home, NarrowStore()).store(CLOUD, TEXT)

    assert caught.value.user_text == "The key is longer than Windows keeps."
    assert "OPENAI_API_KEY" in caught.value.next_step


def test_many_callers_at_once_wait_one_deadline_together(home: Path, log_lines: LogLines) -> None:
    store = MuteStore()
    keys = keys_on(home, store)
    waits: List[float] = []

    def look() -> None:
        started = time.monotonic()
        keys.find(CLOUD)
        waits.append(time.monotonic() - started)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    log_lines.take("did not answer")
    assert len(waits) == 8 and max(waits) < 1.5
    store.released.set()


def test_the_waiting_thread_does_not_keep_the_process_alive(home: Path, log_lines: LogLines) -> None:
    store = MuteStore()

    keys_on(home, store).find(CLOUD)

    log_lines.take("did not answer")
    left = [thread for thread in threading.enumerate() if thread.name == "nuke-ai-keyring"]
    assert left and all(thread.daemon for thread in left)
    store.released.set()
    for thread in left:
        thread.join(5)


def test_a_dismissed_prompt_is_no_key_and_is_shown_once(home: Path) -> None:
    store = LockedStore()
    keys = keys_on(home, store)

    assert (keys.find(CLOUD), keys.find(CLOUD)) == (None, None)
    assert len(store.asked) == 1
    assert keys.trouble == "The system's key store is locked."


def test_no_key_store_is_found_quickly_without_a_session_bus() -> None:
    started = time.monotonic()

    found = system_backend({}) if sys.platform.startswith("linux") else None

    assert found is None
    assert time.monotonic() - started < 0.5


def test_a_store_that_keeps_nothing_is_found_out(home: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        keys_on(home, ForgetfulStore()).store(CLOUD, TEXT)

    assert "did not keep the key" in caught.value.user_text
    assert "OPENAI_API_KEY" in caught.value.next_step


def test_storing_without_a_key_store_says_what_else_there_is(home: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        keys_on(home, None).store(CLOUD, TEXT)

    assert caught.value.user_text == "There is no system key store here."
    assert not (home / "keys.toml").exists()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
def test_the_private_file_is_written_only_when_chosen_and_only_for_the_user(home: Path) -> None:
    keys = keys_on(home, None)

    keys.store(CLOUD, TEXT, where="file")
    keys.store(NEAR, TEXT + "near", where="file")

    path = home / "keys.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (keys.find(CLOUD), keys.source(CLOUD), keys.find(NEAR)) == (Key(TEXT), "file", Key(TEXT + "near"))
    keys_on(home, MemoryStore()).forget(CLOUD)
    assert keys.find(CLOUD) is None
    assert keys.find(NEAR) == Key(TEXT + "near")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
def test_a_key_file_that_others_can_read_is_refused(home: Path) -> None:
    keys = keys_on(home, None)
    keys.store(CLOUD, TEXT, where="file")
    (home / "keys.toml").chmod(0o640)

    with pytest.raises(SettingsError) as caught:
        keys.find(CLOUD)

    assert caught.value.next_step == f"Run: chmod 600 {home / 'keys.toml'}"


def test_a_key_for_this_session_only_is_written_nowhere(home: Path) -> None:
    keys = keys_on(home, None)

    keys.store(CLOUD, TEXT, where="memory")

    assert (keys.find(CLOUD), keys.source(CLOUD)) == (Key(TEXT), "memory")
    assert list(home.iterdir()) == []


def test_a_key_too_long_for_windows_is_refused_unwritten(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    monkeypatch.setattr("nuke_ai_panel.keys.sys.platform", "win32")

    with pytest.raises(SettingsError, match="1281 characters, and Windows keeps 1280"):
        keys_on(home, store).store(CLOUD, "k" * 1281)

    assert store.kept == {}


@pytest.mark.parametrize(("text", "problem"), [
    ("", "is empty"), ("sk-…cut", "holds a character that no key holds"), ("sk-a b", "holds a space"),
    ("sk-a\nb", "holds a space or a line break"), ("k" * 9000, "is longer than"),
])
def test_a_text_that_cannot_be_a_key_is_refused_with_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        clean_key(text, "OpenAI")

    assert caught.value.user_text.startswith(f"The API key of OpenAI {problem}")
    assert not text or text not in caught.value.user_text + caught.value.next_step


def test_what_was_pasted_around_a_key_is_taken_off() -> None:
    assert clean_key(f' "{TEXT}"\r\n', "OpenAI").reveal() == TEXT


def test_a_key_shows_four_characters_at_most_and_cannot_be_pickled() -> None:
    key, short = Key(TEXT), Key("hunter2")

    assert (str(key), repr(key), f"{key}") == ("…c3d4", "Key(…c3d4)", "…c3d4")
    assert (str(short), repr(short)) == ("…", "Key(…)")
    assert TEXT not in repr({"key": key})
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.deepcopy(key)
