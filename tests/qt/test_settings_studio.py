"""A provider that the studio forbids: its page says so and lets nobody turn it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nuke_ai_panel.settings import policy_source
from tests.unit.studio_kit import write_policy

from .panel_kit import Desk, close_desk
from .test_settings_dialog import opened, state_in


def test_a_forbidden_provider_says_which_rule_and_cannot_be_switched(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_source, "machine_policy_path", lambda: tmp_path / "none.toml")
    monkeypatch.setenv("NUKE_AI_PANEL_POLICY", str(tmp_path / "policy.toml"))
    write_policy(tmp_path / "policy.toml", 'contact = "pipeline@studio"\n[providers]\ndeny = ["groq"]')
    desk = Desk(qtbot)
    dialog = opened(desk, "provider:groq")
    page = dialog.provider
    desk.until(lambda: state_in(dialog, "groq") == "forbidden by policy")
    assert "providers.deny" in page.result.text() and "pipeline@studio" in page.result.text()
    assert not page.power.isEnabled() and "the studio's policy" in page.power_note.text()
    close_desk(desk)
