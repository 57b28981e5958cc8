"""The providers that come along: all of them are there, and only those that somebody wants are offered."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest

from nuke_ai_panel.settings import ProviderSettings, load_settings, settings_path
from nuke_ai_panel.settings.presets import ALWAYS_OFFERED, BUILT_IN, OTHER_KEY_ENVS

ON_DEMAND = sorted(set(BUILT_IN) - ALWAYS_OFFERED)


def row(home: Path, name: str, text: str = "", **env: str) -> ProviderSettings:
    settings_path(home).write_text(text)
    return load_settings(env={"NUKE_AI_PANEL_HOME": str(home), **env}).providers[name]


def test_nothing_but_the_first_four_is_offered_to_an_empty_home(home: Path) -> None:
    offered = {name for name, one in load_settings(env={"NUKE_AI_PANEL_HOME": str(home)}).providers.items()
               if one.enabled}

    assert offered == ALWAYS_OFFERED


@pytest.mark.parametrize("name", ON_DEMAND)
def test_preset_is_offered_once_its_key_is_in_the_environment(home: Path, name: str) -> None:
    key_env = BUILT_IN[name]["key_env"]

    assert row(home, name, **{key_env: "k-1"}).enabled
    assert not row(home, name, **{key_env: "  "}).enabled


@pytest.mark.parametrize("text", [
    "[providers.groq]\nenabled = true", '[providers.groq]\nbase_url = "https://gateway.lan/groq"',
    '[providers.groq]\ndefault_model = "llama"', 'default_provider = "groq"',
])
def test_preset_is_offered_to_whoever_asks_for_it(home: Path, text: str) -> None:
    assert row(home, "groq", text).enabled


def test_preset_that_is_switched_off_stays_off_whatever_else_is_set(home: Path) -> None:
    text = 'default_provider = "groq"\n[providers.groq]\nenabled = false\nbase_url = "https://gateway.lan/groq"'

    assert not row(home, "groq", text, GROQ_API_KEY="k-1").enabled


def test_a_clock_or_a_header_alone_does_not_switch_a_preset_on(home: Path) -> None:
    assert not row(home, "groq", "[providers.groq]\nidle_timeout_s = 5\nheaders = { x-team = 'comp' }").enabled


@pytest.mark.parametrize(("env", "key_env"), [
    ({"GEMINI_API_KEY": "g"}, "GEMINI_API_KEY"), ({"GOOGLE_API_KEY": "g"}, "GOOGLE_API_KEY"),
    ({"GEMINI_API_KEY": "g", "GOOGLE_API_KEY": "h"}, "GEMINI_API_KEY"), ({}, "GEMINI_API_KEY"),
    ({"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": "h"}, "GOOGLE_API_KEY"),
])
def test_key_of_google_is_found_under_both_of_its_names(home: Path, env: Dict[str, str], key_env: str) -> None:
    assert row(home, "google", **env).key_env == key_env


def test_a_variable_that_the_row_names_has_no_substitute(home: Path) -> None:
    text = '[providers.google]\nkey_env = "STUDIO_GEMINI"'

    found = row(home, "google", text, GOOGLE_API_KEY="g")

    assert (found.key_env, found.enabled) == ("STUDIO_GEMINI", False)
    assert set(OTHER_KEY_ENVS) <= set(BUILT_IN)


def test_azure_takes_its_address_from_its_own_variable(home: Path) -> None:
    found = row(home, "azure", AZURE_OPENAI_ENDPOINT="https://studio.openai.azure.com/")

    assert (found.enabled, found.base_url) == (True, "https://studio.openai.azure.com/")
