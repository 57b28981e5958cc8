"""Turns settings into what the dialog shows: every declared setting becomes a field. Pure.

Fields come from the declarations in settings/values.py and settings/options.py, so that a setting that is added there
has a field at once. Only words and order are written here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, Mapping, Optional, Tuple

from nuke_ai_panel.core.provider_status import ProviderStatus
from nuke_ai_panel.keys import KEYLESS_KINDS, NO_STORE, uses_keyring
from nuke_ai_panel.settings import ProviderSettings, Settings, is_loopback_url
from nuke_ai_panel.settings.lookup import DEFAULT, is_the_users, look_up, source_of, stronger_source
from nuke_ai_panel.settings.options import OPTIONS
from nuke_ai_panel.settings.presets import ABOUT, BUILT_IN
from nuke_ai_panel.settings.table import PROVIDER_ROWS, ROWS, Row
from nuke_ai_panel.settings.words import text_of
from nuke_ai_panel.words import later, tr

from ..ui.settings_values import (
    Choices,
    FieldGroup,
    FieldKind,
    FieldValue,
    FormPage,
    KeyValue,
    ListRow,
    ProviderPage,
    ShortcutRow,
)
from ..ui.shortcuts import BINDINGS, Shortcuts

GENERAL, ANSWERS, KEYBOARD, ADD = "general", "answers", "keyboard", "add"
PROVIDER = "provider:"
PAGES = (
    ListRow(GENERAL, later("General"), "", "settings"), ListRow(ANSWERS, later("Answers"), "", "chat"),
    ListRow(KEYBOARD, later("Keyboard"), "", "keyboard"),
)
ADD_ROW = ListRow(ADD, later("Add a provider …"), later("Providers"), "plus")

_LABELS = {
    "base_url": later("Address"), "key_env": later("Key's variable"), "default_model": later("Default model"),
    "ca_bundle": later("CA bundle"),
    "client_cert": later("Client certificate"), "client_key": later("Client key"),
    "connect_timeout_s": later("Wait to connect"),
    "first_byte_timeout_s": later("Wait for an answer"), "first_event_timeout_s": later("Wait for first sign"),
    "idle_timeout_s": later("Longest pause"), "headers": later("Extra headers"), "enter_sends": later("Sending key"),
    "font_scale": later("Text size"), "max_tool_rounds": later("Rounds of tools"), "system": later("System prompt"),
    "max_tokens": later("Longest answer"), "top_p": later("Top p"), "reasoning_effort": later("Effort"),
    "stop": later("Stop at"),
    "key_over_http": later("Key without TLS"), "num_ctx": later("Context window"),
    "default_provider": later("Default provider"),
    "wait_for_server_s": later("Wait for a server"),
}
# A row of these kinds has no network of its own, and nothing would read its address.
_LOCAL_FIELDS = ("title", "default_model")
_MAIN_FIELDS = ("base_url", "default_model", "title")
_HIDDEN = frozenset({"kind", "enabled", "options"})
_MULTILINE = frozenset({"a list of texts", "a table of texts", "a table"})
_CHOICES: Mapping[str, Choices] = {
    "panel.enter_sends": ((later("Enter sends, Shift+Enter breaks the line"), "true"),
                          (later("Ctrl+Enter sends, Enter breaks the line"), "false")),
    "parameters.reasoning_effort": ((later("default: not sent"), ""), *((word, word) for word in (
        "none", "minimal", "low", "medium", "high", "xhigh"))),
}
_EXAMPLES = {"a table of texts": "X-Show: duck", "a list of texts": later("one a line"), "a table": '{"top_k": 40}'}
_PLACES: Choices = (
    (later("Keep it in the system's key store"), "keyring"), (later("Only for this session"), "memory"),
    (later("In a private file, not encrypted"), "file"),
)


@dataclass(frozen=True)
class Draft:
    """A text that was typed and could not be saved, with what is wrong with it."""

    text: str
    problem: str


Drafts = Mapping[str, Draft]


@dataclass(frozen=True)
class KeyFacts:
    """What is known about a provider's key: where it is, and what stood in the way. `source` None: not known yet."""

    source: Optional[str] = None
    trouble: str = ""
    problem: str = ""


def list_rows(settings: Settings, states: Mapping[str, ProviderStatus]) -> Tuple[ListRow, ...]:
    """The dialog's pages; providers that are on come first."""
    rows = [row for row in settings.providers.values() if " " not in row.name]
    rows.sort(key=lambda row: not row.enabled)
    providers = tuple(
        ListRow(f"{PROVIDER}{row.name}", row.label, tr("Providers"), state=states[row.name].state, is_on=row.enabled)
        for row in rows
    )
    return (*(_told(page) for page in PAGES), *providers, _told(ADD_ROW))


def _told(row: ListRow) -> ListRow:
    return replace(row, title=tr(row.title), group=tr(row.group))


def general_page(settings: Settings, drafts: Drafts) -> FormPage:
    """Everything that is neither an answer's nor a provider's."""
    groups = [
        _group(settings, drafts, tr("New conversations"), [name for name in ROWS[""] if name != "system"]),
        _group(settings, drafts, tr("Panel"), [f"panel.{name}" for name in ROWS["panel"] if name != "shortcuts"]),
    ]
    for section, rows in ROWS.items():
        if section not in ("", "panel", "parameters"):
            groups.append(_group(settings, drafts, tr(section.capitalize()), [f"{section}.{name}" for name in rows]))
    return FormPage(GENERAL, tr("General"), "", tuple(groups))


def answers_page(settings: Settings, drafts: Drafts) -> FormPage:
    """What is asked of every model."""
    lead = tr("For the next request on. What is empty is not sent, so that the model's own default counts.")
    return FormPage(ANSWERS, tr("Answers"), lead, (
        _group(settings, drafts, "", ["system"]),
        _group(settings, drafts, tr("Parameters"), [f"parameters.{name}" for name in parameter_names()]),
    ))


def provider_page(
    settings: Settings, name: str, drafts: Drafts, *, status: ProviderStatus, sentence: str, key: KeyFacts
) -> ProviderPage:
    """One provider with everything that can be set of it."""
    row = settings.provider(name)
    shown = _LOCAL_FIELDS if row.kind in KEYLESS_KINDS else tuple(one for one in PROVIDER_ROWS if one not in _HIDDEN)
    base = f"providers.{name}."
    groups = [_group(settings, drafts, "", [base + one for one in _MAIN_FIELDS if one in shown])]
    options = [f"{base}options.{one.name}" for one in OPTIONS.get(row.kind, ())]
    options += [f"{base}options.{one}" for one in row.options if f"{base}options.{one}" not in options]
    if options:
        groups.append(_group(settings, drafts, tr("Only of this kind: {kind}", kind=row.kind), options))
    network = [base + one for one in shown if one not in _MAIN_FIELDS]
    if network:
        groups.append(_group(settings, drafts, tr("Network"), network))
    enabled = f"{base}enabled"
    return ProviderPage(
        name, FormPage(f"{PROVIDER}{name}", row.label, _lead(row), tuple(groups)), row.enabled,
        on_locked_by=(
            tr("the studio's policy") if status.state == "forbidden by policy" else stronger_source(settings, enabled)
        ),
        state=status.state, sentence=sentence,
        key=_key(row, key) if row.kind not in KEYLESS_KINDS else None,
        can_remove=name not in BUILT_IN and is_the_users(settings, f"{base}kind"),
    )


def shortcut_rows(settings: Settings, shortcuts: Shortcuts) -> Tuple[ShortcutRow, ...]:
    """Every command with its keys of now."""
    sentences = {one.command: tr(one.sentence) for one in BINDINGS}
    return tuple(
        ShortcutRow(
            one.command, tr(one.sentence), tr(one.group), shortcuts.keys_of(one.command),
            is_own=one.command in settings.panel.shortcuts,
            clash=", ".join(sentences[other] for other in shortcuts.conflicts(one.command)),
            locked_by=stronger_source(settings, f"panel.shortcuts.{one.command}"),
        )
        for one in BINDINGS
    )


def unknown_commands(settings: Settings) -> str:
    """What the settings bind that is no command, as a sentence."""
    known = {one.command for one in BINDINGS}
    names = [name for name in settings.panel.shortcuts if name not in known]
    return tr("No such command, though settings give it keys: {names}.", names=', '.join(names)) if names else ""


def kinds_to_add(kinds: Tuple[str, ...]) -> Choices:
    """The kinds that a provider of one's own can have."""
    return tuple((kind, kind) for kind in kinds if kind not in KEYLESS_KINDS)


# ---------------------------------------------------------------- fields


def _group(settings: Settings, drafts: Drafts, title: str, names: list[str]) -> FieldGroup:
    return FieldGroup(title, tuple(field_value(settings, name, drafts) for name in names))


def field_value(settings: Settings, name: str, drafts: Drafts) -> FieldValue:
    """One setting as a field; a draft that could not be saved stands in it."""
    row, value = look_up(settings, name)
    draft = drafts.get(name)
    text = draft.text if draft is not None else text_of(row, value)
    choices = _choices(settings, name, row, text)
    kind: FieldKind = "choice" if choices else "switch" if row.kind == "true or false" else (
        "lines" if row.kind in _MULTILINE or name == "system" else "line")
    source = source_of(settings, name)
    is_elsewhere = source != DEFAULT and not is_the_users(settings, name)
    locked = stronger_source(settings, name)
    return FieldValue(
        name, _label(row), kind, text, placeholder=_placeholder(row), sentence=_sentence(row),
        note=tr("From {source}; what you write here counts instead.", source=source) if is_elsewhere and not locked
        else "",
        locked_by=locked, problem=draft.problem if draft is not None else "", choices=choices,
    )


def _choices(settings: Settings, name: str, row: Row, text: str) -> Choices:
    choices = tuple((tr(words), value) for words, value in _CHOICES.get(name, ()))
    if name == "default_provider":
        choices = tuple((one.label, one.name) for one in settings.providers.values()
                        if one.enabled and " " not in one.name)
    elif row.kind == "true or false" and row.default is None:
        choices = ((tr("default: not sent"), ""), (tr("on"), "true"), (tr("off"), "false"))
    if choices and text not in [value for _, value in choices]:
        choices = (*choices, (text, text))
    return choices


def _label(row: Row) -> str:
    return tr(_LABELS.get(row.name) or row.name.replace("_", " ").capitalize())


def _sentence(row: Row) -> str:
    unit = tr(" In {unit}.", unit=tr(row.unit)) if row.unit else ""
    return f"{tr(row.sentence)}{unit}"


def _placeholder(row: Row) -> str:
    if row.kind in _EXAMPLES:
        return tr(_EXAMPLES[row.kind])
    if row.default in (None, "", (), {}):
        return tr("default")
    return tr("default: {text_of}", text_of=text_of(row, row.default))


def parameter_names() -> Tuple[str, ...]:
    """The parameters of an answer, the ones that are used most first."""
    names = tuple(ROWS["parameters"])
    first = ("reasoning_effort", "temperature", "max_tokens")
    return (*(name for name in first if name in names), *(name for name in names if name not in first))


# ---------------------------------------------------------------- providers

_LEADS: Dict[str, str] = {
    "local": later("A tiny model that comes along and runs on this machine; nothing leaves it."),
    "ollama": later("Models of your own, here or on a server."),
    "openrouter": later("One key for hundreds of models. Get one at openrouter.ai/keys."),
    "anthropic": later("The Claude models, from Anthropic itself. Get a key at console.anthropic.com."),
    "mistral": later("Mistral's own models. Get a key at console.mistral.ai."),
}


def _lead(row: ProviderSettings) -> str:
    if row.name in ABOUT:
        return tr(ABOUT[row.name])
    if row.kind in _LEADS:
        return tr(_LEADS[row.kind])
    return "" if row.name in BUILT_IN else tr("A provider of your own, of kind {kind}.", kind=row.kind)


def _key(row: ProviderSettings, facts: KeyFacts) -> KeyValue:
    told = tuple((tr(words), place) for words, place in _PLACES)
    places = told if uses_keyring(row) and facts.trouble != NO_STORE else told[1:]
    source = facts.source or ""
    if source and source == row.key_env:
        note = tr("The key comes from {source} in the environment, which goes before any other.", source=source)
        return KeyValue(note, places, locked_by=source, problem=facts.problem)
    words = {"keyring": tr("the system's key store"), "memory": tr("this session only"), "file": tr("the private file")}
    if source:
        note = tr("A key is known, from {get}. A new one replaces it.", get=words.get(source, source))
    elif facts.source is None:
        note = tr("Looking for a key …")
    elif row.base_url and is_loopback_url(row.base_url):
        note = tr("No key is known, and a server on this machine needs none.")
    else:
        note = tr("No key is known. It never goes into a script, a log or an export.")
    said = " ".join(part for part in (note, tr(facts.trouble)) if part)
    return KeyValue(said, places, can_forget=source in _FORGETTABLE, problem=facts.problem)


_FORGETTABLE: FrozenSet[str] = frozenset({"keyring", "memory", "file"})
