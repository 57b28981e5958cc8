"""Writes docs/settings.md and docs/cli.md from the code: `python docs/generate.py`. With --check it only compares.

The pages come out the same on every Python, so that a test can hold the committed ones against the code.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Dict, Iterator, List

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "src")]

from nuke_ai_panel.cli.program import build_parser  # noqa: E402  # the tree need not be installed
from nuke_ai_panel.settings.layers import ENVIRONMENT, STUDIO_FILES  # noqa: E402
from nuke_ai_panel.settings.options import OPTIONS  # noqa: E402
from nuke_ai_panel.settings.presets import ALWAYS_OFFERED, BUILT_IN, OTHER_KEY_ENVS  # noqa: E402
from nuke_ai_panel.settings.table import PROVIDER_ROWS, ROWS, Row  # noqa: E402
from nuke_ai_panel_qt.ui.bindings import BINDINGS, COMPOSER_KEYS  # noqa: E402

_EXAMPLE = """\
```toml
default_provider = "studio"

[providers.studio]
kind = "openai"                        # llama.cpp, LM Studio, vLLM and most services
title = "Studio vLLM"
base_url = "http://llm.studio.lan:8000/v1"
default_model = "qwen3-32b"
ca_bundle = "/studio/certs/ca.pem"

[providers.ollama.options]
num_ctx = 16384

[parameters]
temperature = 0.3

[panel]
enter_sends = false
```
"""


def settings_page() -> str:
    """The settings reference."""
    parts = [
        "# Settings\n",
        "<!-- Written by docs/generate.py from the code; change the declarations in "
        "nuke_ai_panel/settings/values.py instead. -->\n",
        "Settings are TOML. Five layers are merged; a later one wins, value by value:\n",
        "1. the defaults below,\n"
        f"2. the studio's files: every file that `{STUDIO_FILES}` names, in order"
        " (separated by `:`, on Windows by `;`),\n"
        "3. the user's `settings.toml` in the folder of user data,\n"
        "4. environment variables,\n"
        "5. arguments: the command line's options, or what a script passes.\n",
        "`NUKE_AI_PANEL_HOME` moves the folder of user data: settings, conversations, models and the key file. "
        "A name that is not a setting, or a value of the wrong type, is reported with its file, line and name. "
        "The entries of `headers` and `options` are merged one by one. A layer that sets `default_provider` also "
        "sets aside the `default_model` of the layers below.\n",
        _EXAMPLE,
        "API keys are never kept in these files, and a value that looks like one is refused. A key comes from the "
        "environment variable that `key_env` names, else from the system's key store, else from `keys.toml` in the "
        "folder of user data, which is written only when you choose it and only you can read it. Anything that runs "
        "as you, inside Nuke or beside it, can read your keys too. A server on this machine needs no key. A stored key "
        "belongs to one address; it is not sent to another one. See [keys.md](keys.md).\n",
        "## Conversations\n", _table(ROWS[""]),
        "## `[parameters]`\n", "What is asked of every model. What is absent is not sent.\n",
        _table(ROWS["parameters"]),
        "## `[panel]`\n", _table(ROWS["panel"]),
        "## `[redaction]`\n",
        "What becomes a placeholder before a prompt leaves, and is put back into the answer (see [trust](trust.md)). "
        "The studio's policy may ask for more.\n",
        _table(ROWS["redaction"]),
        "## `[providers.NAME]`\n",
        "These rows are built in; others are added by giving them a `kind`. A row marked *on demand* is off until "
        "its key is in the environment, its `base_url` or `default_model` is set, it is the default provider, or "
        "`enabled = true` switches it on; `enabled = false` always switches it off.\n",
        _built_in(), _table(PROVIDER_ROWS),
        *_options(),
        "## Environment\n", _environment(),
    ]
    return "\n".join(parts)


def cli_page() -> str:
    """The command line's reference, from `--help` of every command."""
    os.environ["COLUMNS"] = "80"
    parts = [
        "# Command line\n",
        "<!-- Written by docs/generate.py from `--help`; change the parsers in nuke_ai_panel/cli instead. -->\n",
        "`nuke-ai-panel COMMAND`, or `python -m nuke_ai_panel COMMAND`. Conversations are the ones of the panel.\n",
        "`ask --json` prints one object: `text`, `reasoning`, `tool_calls` (`id`, `name`, `arguments`, "
        "`raw_arguments`), `finish`, `raw_finish`, `usage` (tokens as the provider counted them, null when it did "
        "not), `error` (null, or `kind`, `message`, `status`, `retry_after_s`, `partial`), `warnings`, `response_id`, "
        "`model`, `keepalives`, `provider`, `conversation_id`, `upstream` (who answered behind "
        "a router). Notes and errors go to standard error.\n",
    ]
    for parser in _parsers(build_parser()):
        parts.append(f"## {parser.prog}\n")
        parts.append(f"```text\n{parser.format_help().rstrip()}\n```\n")
    return "\n".join(parts)


def keyboard_page() -> str:
    """The keys that commands come with."""
    parts = [
        "# Keyboard\n",
        "<!-- Written by docs/generate.py from the code; change src/nuke_ai_panel_qt/ui/bindings.py instead. -->\n",
        "Every key can be another one: *Settings > Keyboard*, or `panel.shortcuts` in [settings.md](settings.md). F1 "
        "shows the keys of now. They work while the panel has the focus and nowhere else.\n",
        "What has no key of its own is a Tab away: Tab goes from the composer over its row, the transcript and the row "
        "at the top to whatever else is shown, Enter or Space presses, and the menu *⋯* is walked with arrows and "
        "first letters. In the transcript Tab stops at every button of the messages that are in view.\n",
    ]
    groups = list(dict.fromkeys(one.group for one in BINDINGS))
    for group in groups:
        parts += [f"## {group}\n", "| Keys | What they do | Command |\n|---|---|---|"]
        rows = [f"| {' or '.join(f'`{key}`' for key in one.keys)} | {one.sentence} | `{one.command}` |"
                for one in BINDINGS if one.group == group]
        if group == "Composer":
            rows = [f"| {keys} | {sentence} | – |" for keys, sentence in COMPOSER_KEYS] + rows
        parts[-1] += "\n" + "\n".join(rows) + "\n"
    return "\n".join(parts)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _parsers(child)


def _table(rows: Dict[str, Row]) -> str:
    lines = ["| Setting | Type | Default | What it does |", "|---|---|---|---|"]
    for row in rows.values():
        lines.append(f"| `{row.name}` | {_type(row)} | {_default(row)} | {row.sentence.replace('<', '&lt;')} |")
    return "\n".join(lines) + "\n"


def _type(row: Row) -> str:
    said = row.kind if not row.unit else f"{row.kind} ({row.unit})"
    if row.kind.startswith("a list") or row.minimum is None or row.maximum is None or row.maximum > 1e9:
        return said
    return f"{said}, {row.minimum:g} to {row.maximum:,.10g}"


def _default(row: Row) -> str:
    if row.default is None or row.default in ("", (), {}):
        return "–"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    return f'`"{row.default}"`' if isinstance(row.default, str) else f"`{row.default:g}`"


def _built_in() -> str:
    lines = ["| Name | Kind | `base_url` | Key from | Offered |", "|---|---|---|---|---|"]
    for name, row in BUILT_IN.items():
        variables = [row["key_env"], *OTHER_KEY_ENVS.get(name, ())] if "key_env" in row else []
        key = " or ".join(f"`{variable}`" for variable in variables) or "–"
        offered = "always" if name in ALWAYS_OFFERED else "on demand"
        lines.append(f"| `{name}` | {row['kind']} | {row.get('base_url', '–')} | {key} | {offered} |")
    return "\n".join(lines) + "\n"


def _options() -> Iterator[str]:
    for kind, options in OPTIONS.items():
        yield f"### `[providers.NAME.options]` of kind {kind}\n"
        yield _table({row.name: row for row in options})


def _environment() -> str:
    lines = ["| Variable | What it sets |", "|---|---|", "| `NUKE_AI_PANEL_HOME` | the folder of user data |",
             f"| `{STUDIO_FILES}` | the studio's settings files |"]
    lines += [f"| `{variable}` | `{'.'.join(name)}` |" for variable, name in ENVIRONMENT.items()]
    lines += [f"| `{row['key_env']}` | the API key of `{name}` |" for name, row in BUILT_IN.items() if "key_env" in row]
    return "\n".join(lines) + "\n"


def main(arguments: List[str]) -> int:
    """Writes the pages, or with --check says which ones are not current."""
    stale = []
    for name, text in (("settings.md", settings_page()), ("cli.md", cli_page()), ("keyboard.md", keyboard_page())):
        path = DOCS / name
        if path.exists() and path.read_bytes() == text.encode("utf-8"):
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_bytes(text.encode("utf-8"))
    print("current" if not stale else f"{'not current' if '--check' in arguments else 'written'}: {', '.join(stale)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
