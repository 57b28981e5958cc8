"""The studio's policy file: what it forbids, and that a file which cannot be trusted forbids everything."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Tuple

import pytest

from nuke_ai_panel.settings import policy_source
from nuke_ai_panel.settings.policy import Policy
from nuke_ai_panel.settings.policy_rules import Subject, refusal, tool_refusal, trust_of
from nuke_ai_panel.settings.policy_source import PolicySource

OPENAI = Subject("openai", "openai", "OpenAI", "https://api.openai.com/v1", models=("gpt-4o",))
OLLAMA = Subject("ollama", "ollama", "Ollama", "http://127.0.0.1:11434", models=("llama3",))
ROUTER = Subject("openrouter", "openrouter", "OpenRouter", "https://openrouter.ai/api/v1", models=("x/y:free",))
STUDIO = Subject("studio", "openai", "Studio", "http://gpu7.studio.lan:8000/v1", models=("qwen",))


def policy_of(text: str, tmp_path: Path, name: str = "policy.toml") -> Policy:
    path = tmp_path / name
    path.write_text(f"{text}\n[end]\n", encoding="utf-8")
    return PolicySource({"NUKE_AI_PANEL_POLICY": str(path)}).read()


def rule_against(text: str, subject: Subject, tmp_path: Path) -> str:
    policy = policy_of(text, tmp_path)
    assert policy.error is None, policy.error
    found = refusal(policy, subject)
    return found.rule if found is not None else ""


@pytest.fixture(autouse=True)
def no_machine_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    machine = tmp_path / "machine" / "policy.toml"
    monkeypatch.setattr(policy_source, "machine_policy_path", lambda: machine)
    return machine


@pytest.mark.parametrize(("text", "subject", "rule"), [
    ("", OPENAI, ""),
    ('[providers]\ndeny = ["openai"]', OPENAI, "providers.deny"),
    ('[providers]\ndeny = ["OpenAI"]', OPENAI, "providers.deny"),
    ('[providers]\ndeny = ["openai"]', OLLAMA, ""),
    ('[providers]\ndeny = ["openai"]', STUDIO, ""),  # the same dialect, another place
    ('[providers]\ndeny = ["open*"]', ROUTER, "providers.deny"),
    ('[providers]\nallow = ["ollama", "studio"]', OPENAI, "providers.allow"),
    ('[providers]\nallow = ["ollama", "studio"]', STUDIO, ""),
    ('[providers]\nallow = []', OLLAMA, "providers.allow"),
    ('[providers]\nallow = ["ollama"]\ndeny = ["ollama"]', OLLAMA, "providers.deny"),
    ('[models]\ndeny = ["*:free"]', ROUTER, "models.deny"),
    ('[models]\ndeny = ["x/y"]', ROUTER, "models.deny"),
    ('[models]\nallow = ["x/y"]', ROUTER, "models.allow"),
    ('[models]\nallow = ["openrouter/x/*"]', ROUTER, ""),
    ('[models]\nallow = ["ollama/*"]', OLLAMA, ""),
    ('[models]\ndeny = ["llama3:latest"]', OLLAMA, "models.deny"),
    ('[models]\ndeny = ["GPT-4*"]', OPENAI, "models.deny"),
    ('[origins]\nallow = ["https://openrouter.ai"]', OPENAI, "origins.allow"),
    ('[origins]\nallow = ["https://openrouter.ai"]', ROUTER, ""),
    ('[origins]\nallow = ["http://openrouter.ai"]', ROUTER, "origins.allow"),
    ('[origins]\nallow = ["*.studio.lan:8000"]', STUDIO, ""),
    ('[origins]\nallow = ["*.studio.lan:8001"]', STUDIO, "origins.allow"),
    ('[origins]\ndeny = ["*.openai.com"]', OPENAI, "origins.deny"),
    ("local_only = true", OPENAI, "local_only"),
    ("local_only = true", STUDIO, ""),
    ("local_only = true", OLLAMA, ""),
    ('local_only = "machine"', STUDIO, "local_only"),
    ('local_only = "machine"', OLLAMA, ""),
])
def test_rule_forbids_what_it_says(text: str, subject: Subject, rule: str, tmp_path: Path) -> None:
    assert rule_against(text, subject, tmp_path) == rule


@pytest.mark.parametrize("url", [
    "https://8.8.8.8", "http://134744072", "http://0x08080808/", "https://localhost.evil.com", "http://[2001:4860::8888]",
    "https://[::ffff:8.8.8.8]", "http://127.0.0.1.evil.com", "http://127.1.evil", "https://a.b", "http://224.0.0.1",
])
def test_place_outside_is_not_local_however_it_is_written(url: str) -> None:
    assert trust_of(url) == "cloud"


@pytest.mark.parametrize(("url", "level"), [
    ("http://127.0.0.1:1", "machine"), ("http://[::1]:1", "machine"), ("http://LOCALHOST.", "machine"),
    ("http://10.1.2.3", "house"), ("http://gpu7", "house"), ("http://gpu7.local", "house"),
    ("http://[fe80::1]", "house"),
])
def test_place_inside_is_local(url: str, level: str) -> None:
    assert trust_of(url) == level


def test_row_cannot_borrow_an_allowed_name_for_a_forbidden_vendor(tmp_path: Path) -> None:
    disguised = Subject("ollama", "openai", "Ollama", "https://api.openai.com/v1")
    renamed = Subject("mine", "openai", "Mine", "https://API.openai.com:443/v1")
    assert rule_against('[providers]\nallow = ["ollama"]', disguised, tmp_path) == "providers.allow"
    assert rule_against('[providers]\ndeny = ["openai"]', renamed, tmp_path) == "providers.deny"


def test_script_cannot_leave_the_rules_by_another_address(tmp_path: Path) -> None:
    elsewhere = Subject("openai at http://127.0.0.1:1", "openai", "OpenAI", "http://127.0.0.1:1")
    assert rule_against('[providers]\ndeny = ["openai"]', elsewhere, tmp_path) == "providers.deny"
    assert rule_against('[providers]\nallow = ["openai"]', elsewhere, tmp_path) == ""


def test_proxy_outside_is_outside(tmp_path: Path) -> None:
    proxied = Subject("studio", "openai", "Studio", "http://gpu7.studio.lan", "http://proxy.example.com:3128")
    assert rule_against("local_only = true", proxied, tmp_path) == "local_only"


def test_error_says_which_rule_and_whom_to_ask(tmp_path: Path) -> None:
    found = refusal(policy_of('contact = "pipeline@studio"\n[providers]\ndeny = ["openai"]', tmp_path), OPENAI)
    assert found is not None
    assert found.user_text == "The studio's policy forbids OpenAI (rule providers.deny)."
    assert found.next_step == "Ask pipeline@studio, or choose another model."
    assert found.message == f"{tmp_path}/policy.toml, line 3: providers.deny forbids OpenAI"
    assert (found.info().kind, found.info().code, found.info().provider) == ("policy", "providers.deny", "openai")


def test_tools_are_allowed_and_denied_by_name(tmp_path: Path) -> None:
    policy = policy_of('[tools]\ndeny = ["run_*"]', tmp_path)
    assert tool_refusal(policy, "read_node") is None
    found = tool_refusal(policy, "run_python")
    assert found is not None and found.rule == "tools.deny"


def test_two_files_hold_together(tmp_path: Path, no_machine_policy: Path) -> None:
    no_machine_policy.parent.mkdir()
    no_machine_policy.write_text('[providers]\ndeny = ["openai"]\n[end]\n')
    policy = policy_of('[providers]\nallow = ["openai"]', tmp_path)
    found = refusal(policy, OPENAI)
    assert found is not None and str(no_machine_policy) in found.message


# ---------------------------------------------------------------- files that cannot be trusted

WHOLE = """\
contact = "pipeline@studio"
local_only = false

[providers]
allow = ["ollama", "openrouter"]

[models]
deny = ["*:free"]

[budget.day]
soft_usd = 1.5
hard_usd = 5

[budget.users.ada.month]
hard_tokens = 100000

[redaction]
levels = ["cloud"]
words = ["Orion", "Zwölf"]

[end]
"""


def test_half_a_file_forbids_everything_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    source = PolicySource({"NUKE_AI_PANEL_POLICY": str(path)})
    raw = WHOLE.encode("utf-8")
    for length in range(len(raw) - 1):
        path.write_bytes(raw[:length])
        error = source.read().error
        assert error is not None and str(path) in error.message, raw[:length]
        assert refusal(source.current(), OLLAMA) is not None
    path.write_bytes(raw)
    assert source.read().error is None and refusal(source.current(), OLLAMA) is None


@pytest.mark.parametrize(("text", "place", "says"), [
    ("local_only = yes\n[end]", "line 1", "not valid TOML"),
    ("[providers]\ndenny = []\n[end]", "line 2: providers.denny", "not a key"),
    ("[provider]\n[end]", "line 1: provider", "not a key"),
    ("[providers]\ndeny = 'openai'\n[end]", "line 2: providers.deny", "must be a list of texts"),
    ("[models]\nallow = ['']\n[end]", "line 2: models.allow", "empty pattern"),
    ("[origins]\nallow = ['https://a.b/v1']\n[end]", "line 2: origins.allow", "without a path"),
    ("[origins]\nallow = ['ftp://a.b']\n[end]", "line 2: origins.allow", "only http and https"),
    ("local_only = 'cloud'\n[end]", "line 1: local_only", "must be true"),
    ("[budget.day]\nhard_usd = -1\n[end]", "line 2: budget.day.hard_usd", "must be 0"),
    ("[budget.day]\nhard_usd = nan\n[end]", "line 2: budget.day.hard_usd", "finite"),
    ("[budget.day]\nsoft_usd = 2\nhard_usd = 1\n[end]", "line 2: budget.day.soft_usd", "above hard_usd"),
    ("[budget.week]\nhard_usd = 1\n[end]", "line 1: budget.week", "not a key"),
    ("[budget.users.ada]\nhard_usd = 1\n[end]", "line 2: budget.users.ada.hard_usd", "not a key"),
    ("[budget.prices.'a/b']\ninput = 1.0\n[end]", "budget.prices.a/b", "says no output"),
    ("[budget]\nunpriced = 'maybe'\n[end]", "line 2: budget.unpriced", "must be"),
    ("[redaction]\nlevels = ['moon']\n[end]", "line 2: redaction.levels", "does not know 'moon'"),
    ("[redaction]\nwords_file = '/no/such/words'\n[end]", "line 2: redaction.words_file", "cannot be read"),
    ("[ledger]\nfolder = 'here'\n[end]", "line 2: ledger.folder", "whole path"),
    ("[end]\n[providers]\ndeny = ['a']", "", "stands below [end]"),
    ("no_log = true\n[end]\nx = 1", "line 2: end", "must be an empty table"),
    ("no_log = true", "", "does not end with the line [end]"),
    ("", "", "does not end with the line [end]"),
])
def test_mistake_is_named_with_file_line_and_key(text: str, place: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    error = PolicySource({"NUKE_AI_PANEL_POLICY": str(path)}).read().error
    assert error is not None
    assert str(path) in error.message and place in error.message and says in error.message
    assert "so nothing is sent" in error.user_text and error.next_step


def test_file_that_is_no_text_or_no_file_forbids_everything(tmp_path: Path) -> None:
    binary, folder, gone = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    binary.write_bytes(b"contact = \"\xff\"\n[end]\n")
    folder.mkdir()
    for path, says in ((binary, "line 1: not UTF-8"), (folder, "cannot be read"), (gone, "does not exist")):
        error = PolicySource({"NUKE_AI_PANEL_POLICY": str(path)}).read().error
        assert error is not None and says in error.message


def test_dangling_link_at_the_machines_place_forbids_everything(no_machine_policy: Path) -> None:
    no_machine_policy.parent.mkdir()
    no_machine_policy.symlink_to("/no/such/file")
    assert PolicySource({}).read().error is not None


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_forbids_everything(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(WHOLE)
    path.chmod(stat.S_IWUSR)
    assert PolicySource({"NUKE_AI_PANEL_POLICY": str(path)}).read().error is not None


def test_no_file_is_no_policy() -> None:
    policy = PolicySource({}).read()
    assert not policy and refusal(policy, OPENAI) is None


def test_change_is_seen_at_the_next_look_and_so_is_a_change_of_the_words(tmp_path: Path) -> None:
    words, path = tmp_path / "words.txt", tmp_path / "policy.toml"
    words.write_text("# shows\nOrion\n\nZwölf\n", encoding="utf-8")
    path.write_text(f"[redaction]\nlevels = ['cloud']\nwords = ['Apollo']\nwords_file = '{words}'\n[end]\n")
    source = PolicySource({"NUKE_AI_PANEL_POLICY": str(path)})
    first = source.read()
    assert first.files[0].words == ("Apollo", "Orion", "Zwölf") and source.read() is first
    words.write_text("Gemini\n")
    assert source.read().files[0].words == ("Apollo", "Gemini")
    words.unlink()
    assert source.read().error is not None
    path.write_text("[end]\n")
    assert source.read().error is None and source.read().files[0].words == ()


def test_artist_cannot_name_the_files_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process was started with counts, also for an App that is opened with an environment of its own."""
    path = tmp_path / "policy.toml"
    path.write_text("[providers]\ndeny = ['openai']\n[end]\n")
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(path))
    for env in ({}, {"NUKE_AI_PANEL_POLICY": ""}):
        assert refusal(PolicySource(env).read(), OPENAI) is not None


def test_limits_of_a_named_user_replace_everybodys(tmp_path: Path) -> None:
    (file,) = policy_of("[budget.day]\nhard_usd = 1\n[budget.month]\nhard_usd = 9\n"
                        "[budget.users.Ada.day]\nhard_usd = 5", tmp_path).files

    def hard(user: str) -> Tuple[object, object]:
        limits = file.budget.limits_of(user)
        return limits["day"].hard_usd, limits["month"].hard_usd

    assert hard("ada") == (5, 9) and hard("bob") == (1, 9)
