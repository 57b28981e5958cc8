"""docs/policy.md names every key there is, and its example is a policy."""

from __future__ import annotations

import re
from pathlib import Path

from nuke_ai_panel.settings import policy
from nuke_ai_panel.settings.policy_file import read_policy
from nuke_ai_panel.settings.table import rows
from nuke_ai_panel.store.ledger_rows import FIELDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "policy.md").read_text(encoding="utf-8")


def test_example_is_a_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    words = tmp_path / "words.txt"
    words.write_text("Apollo\n")
    file = read_policy(Path("p.toml"), example.replace("/studio/ai/codenames.txt", str(words)))
    assert file.words == ("Project Orion", "ACME", "Apollo")
    assert file.budget.limits_of("ada")["day"].hard_usd == 25 and file.budget.limits_of("bob")["day"].hard_usd == 5
    assert file.budget.prices["openai/gpt-4o*"].output == 10 and file.providers.deny == ("openai",)


def test_every_key_is_on_the_page() -> None:
    sections = {
        "": policy.General, "providers": policy.NameRules, "models": policy.NameRules, "origins": policy.NameRules,
        "tools": policy.NameRules, "defaults": policy.Defaults, "redaction": policy.RedactionRules,
        "ledger": policy.LedgerRules, "budget": policy.BudgetRules,
    }
    table = PAGE[PAGE.index("## Every key"):]
    missing = [f"{section}.{key}" for section, kind in sections.items() for key in rows(kind)
               if not re.search(rf"`(?:{section})?\.?{key}`", table)]
    assert missing == []
    assert all(f"`{key}`" in table for key in rows(policy.Limits))


def test_every_field_of_the_ledger_is_on_its_page() -> None:
    page = (DOCS / "ledger.md").read_text(encoding="utf-8")
    assert [field for field in FIELDS if field not in ("id", "method") and f"`{field}`" not in page] == []
