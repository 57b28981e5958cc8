"""The doctor's report: it says what is so, without a key, a name or a word that was asked, whatever is broken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.diagnosis import make_report
from nuke_ai_panel.diagnosis_values import Mask
from nuke_ai_panel.install import packages
from nuke_ai_panel.install.packages import Package, look_at, second_copies
from nuke_ai_panel.providers.redact import MASK, masked

from .cli_kit import Cli

ROOT = Path(__file__).resolve().parents[2]
CANARIES = {
    "OPENAI_API_KEY": "sk-proj-CANARYcanary0123456789abcdef", "ANTHROPIC_API_KEY": "plainCanaryWithoutAnyShape77",
    "HTTPS_PROXY": "http://artist:CanaryOfTheProxy55@proxy.studio:3128", "STUDIO_KEY": "another-canary-of-a-studio-1",
}


def facts(report: object) -> dict[str, dict[str, str]]:
    return {section.title: {line.name: line.value for line in section.lines}  # type: ignore[attr-defined]
            for section in report.sections}  # type: ignore[attr-defined]


def test_report_says_what_is_so(home: Path) -> None:
    found = facts(make_report(host={"Nuke": "16.0v8"}))
    assert found["Host"] == {"Nuke": "16.0v8"}
    assert found["Python"]["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["Packages"]["aiohttp"].startswith(tuple("0123456789"))
    assert found["Settings"]["file"].endswith("settings.toml (not there)")
    assert "not there yet" in found["History"]["state"]
    assert set(found) == {"Product", "Host", "Python", "Qt", "Packages", "Code", "Paths", "Settings", "Policy", "Keys",
                          "Network", "Providers", "History", "Now", "Log"}


@pytest.mark.parametrize("address", ["https://llm.studio/v1", "https://artist:canaryInTheAddress@llm.studio/v1"])
def test_no_canary_is_in_the_report(address: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    key_file = "keys-canary-in-the-private-file-9"
    (home / "settings.toml").write_text(
        f'[providers.studio]\nkind = "openai"\nbase_url = "{address}"\n'
        'key_env = "STUDIO_KEY"\n', encoding="utf-8")
    (home / "keys.toml").write_text(
        f'"nuke-ai-panel openrouter https://openrouter.ai" = "{key_file}"\n', encoding="utf-8")
    os.chmod(home / "keys.toml", 0o600)
    (home / "logs").mkdir()
    (home / "logs" / "nuke-ai-panel.log").write_text("".join(
        f"2026-11-21 10:00:00,000 1 ERROR nuke_ai_panel: it failed with {value}\n"
        for value in (*CANARIES.values(), key_file)), encoding="utf-8")
    text = make_report().text()
    assert "it failed with" in text
    for value in (*CANARIES.values(), key_file, "CanaryOfTheProxy55", "canaryInTheAddress"):
        assert value not in text and value[:12] not in text, value
    assert "canary" not in json.dumps(make_report().json()).lower()


PLANTED = {
    "key of the environment": "plainlookingkeyvalue", "password of a proxy": "Pr0xyP4ssw0rd",
    "password without a scheme": "N0SchemePw77", "coded password": "p%40ss%2Fword9", "decoded password": "p@ss/word9",
    "password of the settings": "SettingsPr0xyPw", "header": "hdrSecretValue123456", "query": "querySecret98765abc",
    "quoted key": "singleQuotedKey55",
}
SAID = ("Authorization: Bearer %s", '{"api_key": "%s"}', "x-goog-api-key: %s", "https://u:%s@host/p")


@pytest.mark.parametrize("is_broken", [False, True])
def test_what_lies_in_settings_and_proxies_is_left_out_even_when_they_cannot_be_read(
    is_broken: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIRD_NAME_FOR_IT", PLANTED["key of the environment"])
    monkeypatch.setenv("HTTPS_PROXY", f"http://artist:{PLANTED['password of a proxy']}@proxy:3128")
    monkeypatch.setenv("HTTP_PROXY", f"artist:{PLANTED['password without a scheme']}@proxy:3128")
    monkeypatch.setenv("ALL_PROXY", f"http://artist:{PLANTED['coded password']}@proxy:3128")
    (home / "settings.toml").write_text(
        '[providers.studio]\nkind = "openai"\nkey_env = "WEIRD_NAME_FOR_IT"\n'
        f'base_url = "https://llm.studio/v1?api-key={PLANTED["query"]}"\n'
        f'proxy = "http://me:{PLANTED["password of the settings"]}@px:3128"\n'
        f'[providers.studio.headers]\n"X-Gateway" = "{PLANTED["header"]}"\n' + ("[broken\n" if is_broken else ""),
        encoding="utf-8")
    (home / "keys.toml").write_text(f"'nuke-ai-panel groq' = '{PLANTED['quoted key']}'\n", encoding="utf-8")
    os.chmod(home / "keys.toml", 0o600)
    (home / "logs").mkdir()
    (home / "logs" / "nuke-ai-panel.log").write_text("".join(
        f"2026-11-21 10:00:00,000 1 ERROR nuke_ai_panel: it failed with {value}\n" for value in PLANTED.values()),
        encoding="utf-8")

    text = make_report().text()

    assert "it failed with" in text
    assert [name for name, value in PLANTED.items() if value in text] == []
    mask = Mask(os.environ, (), home / "keys.toml")
    assert [name for name, value in PLANTED.items() for form in SAID if value in mask(form % value)] == []


@pytest.mark.parametrize("text", [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3", "AKIAIOSFODNN7EXAMPLE", "token: abcdef0123456789",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "xoxb-123456789012-abcdefghijkl", "{'x-api-key': 'unknownkey'}",
    "api key: unknown-key-0001", "password=hunter2hunter2",
])
def test_what_looks_like_a_key_is_masked_wherever_it_comes_from(text: str) -> None:
    assert MASK in masked(text) and text.split()[-1].strip("'}") not in masked(text)


@pytest.mark.parametrize("text", [
    "The token limit is 4096.", "Incorrect API key provided.", "tokens: 12345678 in, 90 out", "node: Blur1 at 12:30:45",
    "the api key: it is missing", "password: ask your administrator", "mail a@b.studio:25 at 10:00",
])
def test_plain_sentences_are_left_as_they_are(text: str) -> None:
    assert masked(text) == text


def test_names_and_the_home_folder_are_left_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "jane.doe")
    monkeypatch.setenv("NUKE_PATH", os.path.join(os.path.expanduser("~"), "tools", "jane.doe"))
    text = make_report().text()
    assert "jane.doe" not in text and "~" + os.sep + "tools" in text
    assert socket.gethostname() not in text or len(socket.gethostname()) < 3


def test_broken_settings_are_named_and_hide_nothing_else(home: Path) -> None:
    (home / "settings.toml").write_text("[panel\n", encoding="utf-8")
    report = make_report()
    assert not report.is_well
    wrong = " ".join(f"{line.value} {line.next_step}" for line in report.wrong())
    assert "settings.toml" in wrong and "line 1" in wrong
    assert "aiohttp" in facts(report)["Packages"] and "threads" in facts(report)["Now"]


def test_history_that_is_damaged_is_named(home: Path) -> None:
    (home / "history.db").write_bytes(b"not a database" * 100)
    assert any("no SQLite file" in line.value for line in make_report().wrong())


def test_live_providers_say_their_state(app: App) -> None:
    found = facts(make_report())["Providers"]
    assert found and all("not asked in this process" not in value for value in found.values())
    assert facts(make_report())["Now"]["answers"] == "0 being written"


def test_shadowed_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("first", "1.0"), ("second", "9.0")):
        (tmp_path / name / "shadowed").mkdir(parents=True)
        (tmp_path / name / "shadowed" / "__init__.py").write_text("")
        (tmp_path / name / f"Shadowed-{version}.dist-info").mkdir()
        monkeypatch.syspath_prepend(str(tmp_path / name))
    found = look_at(Package("shadowed", "shadowed", "10", "nothing"))
    assert found.place == str(tmp_path / "second") and found.version == "9.0"
    assert found.behind == (str(tmp_path / "first"),) and "10 is the oldest" in found.problem
    monkeypatch.setattr(packages, "REQUIRED", (found.package,))
    lines = facts(make_report())["Packages"]
    assert "is shadowed" in lines["shadowed"]


def test_second_copy_on_any_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("on nuke path", "on python path"):
        (tmp_path / name / "nuke_ai_panel").mkdir(parents=True)
        (tmp_path / name / "nuke_ai_panel" / "__init__.py").write_text("")
    monkeypatch.setenv("NUKE_PATH", str(tmp_path / "on nuke path"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "on python path")])
    assert second_copies() == [str(tmp_path / "on python path"), str(tmp_path / "on nuke path")]


def test_command_prints_it_and_says_in_its_exit_code_whether_all_is_well(home: Path) -> None:
    cli = Cli(home)
    well = cli.run("doctor")
    assert well.returncode == 0 and "Nothing is wrong." in well.stdout and well.stderr == ""
    data = json.loads(cli.run("doctor", "--json").stdout)
    assert data["ok"] is True and data["sections"][0]["title"] == "Product"
    (home / "settings.toml").write_text("default_provider = 7\n", encoding="utf-8")
    ill = cli.run("doctor")
    assert ill.returncode == 1 and "default_provider" in ill.stdout and "1 thing is wrong" in ill.stdout


def test_doctor_runs_in_a_python_that_has_nothing(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-m", "nuke_ai_panel", "doctor"], capture_output=True, text=True, cwd=ROOT,
        env={"NUKE_AI_PANEL_HOME": str(home), "PATH": os.environ["PATH"]}, timeout=60,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    for name in ("aiohttp", "tomlkit", "platformdirs"):
        assert f"! {name}" in done.stdout
    assert "install --python" in done.stdout
