"""Settings: which layer wins, what every mistake says, and what is never kept in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict

import pytest

from nuke_ai_panel.errors import SettingsError
from nuke_ai_panel.settings import Settings, home_dir, load_settings, save_setting, settings_path

KEY = "sk-" + "a1b2c3d4" * 4


def load(home: Path, text: str = "", **more: str) -> Settings:
    home.mkdir(parents=True, exist_ok=True)
    settings_path(home).write_text(text, encoding="utf-8")
    return load_settings(env={"NUKE_AI_PANEL_HOME": str(home), **more})


def refused(home: Path, text: str, **more: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(home, text, **more)
    return caught.value


def test_defaults_offer_the_four_built_in_providers(home: Path) -> None:
    settings = load_settings()

    assert [name for name, row in settings.providers.items() if row.enabled] == [
        "local", "ollama", "openrouter", "openai"
    ]
    assert settings.default_provider == "local"
    assert settings.provider("openai").key_env == "OPENAI_API_KEY"
    assert settings.home == home
    assert settings.sources == {}


def test_each_layer_wins_over_the_one_below(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(
        'system = "studio"\n[providers.openai]\nretries = 1\nidle_timeout_s = 5\n[panel]\nfont_scale = 2\n'
    )
    second.write_text("[providers.openai]\nretries = 2\n")
    home = tmp_path / "home"
    home.mkdir()
    settings_path(home).write_text(
        'default_model = "mine"\n[providers.openai]\nbase_url = "http://file/v1"\nretries = 1\n'
    )
    env = {
        "NUKE_AI_PANEL_HOME": str(home), "NUKE_AI_PANEL_CONFIG": os.pathsep.join([str(first), "", str(second)]),
        "OPENAI_BASE_URL": "http://environment/v1",
    }

    settings = load_settings(env=env, overrides={"providers.openai.retries": 0, "system": None})

    openai = settings.provider("openai")
    assert (settings.system, settings.default_model, settings.panel.font_scale) == ("studio", "mine", 2.0)
    assert (openai.retries, openai.idle_timeout_s, openai.base_url) == (0, 5.0, "http://environment/v1")
    assert settings.sources == {
        "system": f"{first}, line 1", "panel.font_scale": f"{first}, line 6",
        "providers.openai.idle_timeout_s": f"{first}, line 4", "default_model": f"{settings_path(home)}, line 1",
        "providers.openai.base_url": "OPENAI_BASE_URL", "providers.openai.retries": "arguments",
    }


def test_headers_and_options_merge_entry_by_entry(tmp_path: Path) -> None:
    studio = tmp_path / "studio.toml"
    studio.write_text(
        '[providers.ollama.options]\nnum_ctx = 1024\nkeep_alive = "5m"\n[providers.openai.headers]\nX-A = "1"\n'
    )

    settings = load(tmp_path / "home", "[providers.ollama.options]\nnum_ctx = 2048\n", NUKE_AI_PANEL_CONFIG=str(studio))

    assert settings.provider("ollama").options == {"num_ctx": 2048, "keep_alive": "5m"}
    assert settings.provider("openai").headers == {"X-A": "1"}
    assert settings.sources["providers.ollama.options.num_ctx"] == f"{settings_path(tmp_path / 'home')}, line 2"
    assert settings.sources["providers.ollama.options.keep_alive"] == f"{studio}, line 3"


def test_options_of_a_third_party_are_its_own_to_check(home: Path) -> None:
    settings = load(home, '[providers.robot]\nkind = "robot"\noptions = { arms = 2 }\n')

    assert settings.provider("robot").options == {"arms": 2}


def test_choosing_another_provider_sets_aside_the_model_below(home: Path) -> None:
    text = 'default_provider = "ollama"\ndefault_model = "qwen3"\n'

    assert load(home, text).default_model == "qwen3"
    assert load(home, text, NUKE_AI_PANEL_PROVIDER="openai").default_model is None
    assert load(home, text, NUKE_AI_PANEL_PROVIDER="openai", NUKE_AI_PANEL_MODEL="gpt").default_model == "gpt"


def test_a_row_of_ones_own_gets_a_key_variable_by_its_name(home: Path) -> None:
    settings = load(home, '[providers.studio-vllm]\nkind = "openai"\nbase_url = " \'http://10.0.0.1/v1\' "\n')

    row = settings.provider("studio-vllm")
    assert (row.key_env, row.base_url, row.label) == ("STUDIO_VLLM_API_KEY", "http://10.0.0.1/v1", "studio-vllm")


MISTAKES: Dict[str, tuple[str, str, str]] = {
    "wrong type": ("\n[providers.ollama]\n\nbase_url = 3\n",
                   "line 4: providers.ollama.base_url must be text, not a number", ""),
    "number as text": ('[panel]\nfont_scale = "2"\n', "line 2: panel.font_scale must be a number, not text", ""),
    "true as number": ("[panel]\nfont_scale = true\n", "line 2: panel.font_scale must be a number, not true", ""),
    "fraction": ("max_tool_rounds = 1.5\n", "line 1: max_tool_rounds must be a whole number, not a fraction", ""),
    "infinite": ("parameters.temperature = inf\n", "line 1: parameters.temperature must be a finite number", ""),
    "too large": ("[panel]\nfont_scale = 9\n", "line 2: panel.font_scale must be 3 or less, not 9", ""),
    "unit": ("[providers.openai]\nconnect_timeout_s = 0\n", "must be 0.05 seconds or more, not 0", ""),
    "unknown name": ("[providers.ollama]\nbase_ulr = ''\n", "line 2: providers.ollama.base_ulr is not a setting",
                     "Did you mean providers.ollama.base_url?"),
    "unknown table": ("[panle]\n", "line 1: panle is not a setting", "Did you mean panel?"),
    "unknown provider": ("[providers.olama]\nretries = 1\n", "providers.olama does not say which kind",
                         "Did you mean providers.ollama?"),
    "other kind": ("[providers.openai]\nkind = 'ollama'\n", "providers.openai is always of kind openai", "another"),
    "bad name": ("[providers.'My Own']\nkind = 'openai'\n", "providers.My Own is not a name", "small letters"),
    "not a table": ("providers = 3\n", "line 1: providers must be a table, not a number", "[providers]"),
    "syntax": ("[panel]\nfont_scale\n", "line 2: not valid TOML", "Correct the line"),
    "half a file": ("[panel]\nfont_scale = 1.0\n[providers.op", "line 3: not valid TOML", "Correct the line"),
    "no scheme known": ("[providers.openai]\nbase_url = 'ftp://x'\n", "must be a URL that begins with http", ""),
    "key in URL": ("[providers.openai]\nbase_url = 'http://x/v1?api_key=abc'\n", "must not hold a key", ""),
    "password in URL": ("[providers.openai]\nbase_url = 'http://u:pw@x'\n", "must not hold a user name", ""),
    "too many stops": ("[parameters]\nstop = ['a','b','c','d','e']\n", "parameters.stop may hold 4 at most", ""),
    "unknown option": ("[providers.ollama.options]\n\nnum_ctxx = 9\n",
                       "line 3: providers.ollama.options.num_ctxx is not a setting",
                       "Did you mean providers.ollama.options.num_ctx?"),
    "option's type": ("[providers.ollama.options]\nnum_ctx = 'big'\n",
                      "line 2: providers.ollama.options.num_ctx must be a whole number, not text", ""),
    "a date": ("system = 2020-01-01\n", "line 1: system must be text, not a date", ""),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_names_the_file_the_line_and_the_key(home: Path, name: str) -> None:
    text, sentence, step = MISTAKES[name]

    error = refused(home, text)

    assert error.user_text.startswith(f"{settings_path(home)}, line ")
    assert sentence in error.user_text
    assert step in error.next_step
    assert error.next_step


@pytest.mark.parametrize("text", [
    "[providers.openai]\napi_key = 'hunter2'\n",
    f"[providers.openai]\ndefault_model = '{KEY}'\n",
    "[providers.openai.headers]\nAuthorization = 'Bearer hunter2hunter2'\n",
    f"[providers.openai.headers]\nX-Thing = '{KEY}'\n",
    "[providers.ollama.options]\nsecret = 'hunter2'\n",
    "openai_api_key = 'hunter2'\n",
])
def test_a_key_in_a_settings_file_is_refused_and_not_repeated(home: Path, text: str) -> None:
    error = refused(home, text)

    assert "keys are never kept in settings" in error.user_text
    assert "Settings" in error.next_step
    assert "hunter2" not in str(error) + error.next_step
    assert KEY not in str(error) + error.next_step


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf[panel]\r\nfont_scale = 1.5\r\n", b"[panel]\nfont_scale=1.5", b""])
def test_marks_and_line_ends_of_other_systems_are_read(home: Path, raw: bytes) -> None:
    settings_path(home).write_bytes(raw)

    assert load_settings().panel.font_scale == (1.5 if raw else 1.0)


@pytest.mark.parametrize(("raw", "sentence"), [
    (b"[panel]\n# caf\xe9\n", "line 2: not UTF-8 text"),
    ("[panel]".encode("utf-16"), "line 1: not UTF-8 text"),
    (b"#" * (2 << 20), "larger than a settings file"),
])
def test_a_file_that_is_not_settings_is_said_to_be_so(home: Path, raw: bytes, sentence: str) -> None:
    settings_path(home).write_bytes(raw)

    with pytest.raises(SettingsError, match=sentence):
        load_settings()


def test_a_folder_in_place_of_the_file_is_one_sentence(home: Path) -> None:
    settings_path(home).mkdir()

    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings()


def test_a_studio_file_that_is_missing_is_named(home: Path) -> None:
    assert "/no/such.toml does not exist" in refused(home, "", NUKE_AI_PANEL_CONFIG="/no/such.toml").user_text


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: "~/.local/share/nuke-ai-panel")

    with pytest.raises(SettingsError) as caught:
        home_dir({})

    assert "NUKE_AI_PANEL_HOME" in caught.value.next_step


def test_saving_keeps_comments_order_and_the_rest(home: Path) -> None:
    settings_path(home).write_text(
        '# mine\nsystem = "short"   # how I like it\n\n[panel] # the panel\nfont_scale = 1.5\n'
    )

    save_setting("panel.enter_sends", False)
    save_setting("providers.studio.kind", "openai")
    save_setting("providers.studio.headers.X-Shot.Name", "sh010")
    save_setting("panel.font_scale", None)

    text = settings_path(home).read_text()
    assert text.startswith('# mine\nsystem = "short"   # how I like it\n\n[panel] # the panel\nenter_sends = false\n')
    assert load_settings().provider("studio").headers == {"X-Shot.Name": "sh010"}
    assert load_settings().panel.font_scale == 1.0


def test_a_refused_value_leaves_the_file_as_it_was(home: Path) -> None:
    settings_path(home).write_text("# mine\n")

    with pytest.raises(SettingsError, match="must be 3 or less"):
        save_setting("panel.font_scale", 40)
    with pytest.raises(SettingsError, match="is not a setting"):
        save_setting("panel.colour", "red")
    with pytest.raises(SettingsError, match="is not a setting"):
        save_setting("providers.ollama.options.num_ctxx", 4096)

    assert settings_path(home).read_text() == "# mine\n"


def test_a_broken_file_is_not_overwritten_by_saving(home: Path) -> None:
    settings_path(home).write_text("[panel\n")

    with pytest.raises(SettingsError, match="not valid TOML"):
        save_setting("panel.enter_sends", False)

    assert settings_path(home).read_text() == "[panel\n"


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings_path(home).write_text("# mine\n")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match="No space left"):
        save_setting("panel.enter_sends", False)

    assert [path.name for path in home.iterdir() if path.suffix != ".lock"] == ["settings.toml"]
    assert settings_path(home).read_text() == "# mine\n"


def test_an_unknown_provider_is_answered_with_the_nearest_name(home: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings().provider("olama")

    assert caught.value.next_step == "Did you mean ollama?"
