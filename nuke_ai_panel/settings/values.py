"""Every setting, declared once: its type, default, unit, range and sentence. Frozen values; no behaviour but lookup.

The reference page, the validation and the names in files all come from these declarations, so a setting that is
not here does not exist. A field without a declaration (`name`, `home` …) is not a setting.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple

from ..errors import SettingsError
from ..messages import Json
from ..words import tr


def _setting(
    default: Json, sentence: str, *, unit: str = "", minimum: Optional[float] = None, maximum: Optional[float] = None,
    shape: str = "",
) -> Any:  # Any: dataclasses.field is typed as the field it declares, which differs at every use
    """A dataclass field that is a setting; `shape` names a stricter check than its type (url, path)."""
    metadata = {"sentence": sentence, "unit": unit, "minimum": minimum, "maximum": maximum, "shape": shape}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class ProviderSettings:
    """One `[providers.NAME]` row: how to reach a provider and how patient to be with it."""

    name: str
    kind: str = _setting("", "Which program understands this provider; a row of your own needs it, for example openai.")
    title: str = _setting("", "The name that the model picker shows; empty shows the row's own name.")
    enabled: bool = _setting(True, "Whether the provider is offered at all.")
    base_url: Optional[str] = _setting(
        None, "The address of the server, up to the part that every request shares.", shape="url")
    key_env: Optional[str] = _setting(None, "The environment variable that holds the API key.")
    default_model: Optional[str] = _setting(None, "The model to use when this provider is chosen without one.")
    proxy: Optional[str] = _setting(
        None, "The proxy's URL, or none to use no proxy; absent follows the system, and this machine is never proxied.")
    ca_bundle: Optional[str] = _setting(None, "A PEM file of the certificate authorities to trust.", shape="path")
    client_cert: Optional[str] = _setting(None, "A PEM file with the certificate to show to the server.", shape="path")
    client_key: Optional[str] = _setting(None, "A PEM file with the private key of client_cert.", shape="path")
    connect_timeout_s: float = _setting(
        10.0, "How long to wait for a connection.", unit="seconds", minimum=0.05, maximum=600)
    first_byte_timeout_s: Optional[float] = _setting(
        None, "How long a server may take to begin; absent is 60 seconds, in the house as first_event_timeout_s.",
        unit="seconds", minimum=0.05, maximum=7200)
    first_event_timeout_s: float = _setting(
        300.0, "How long to wait for the first words of an answer; a local server may load a model first.",
        unit="seconds", minimum=0.05, maximum=7200)
    idle_timeout_s: float = _setting(
        60.0, "How long an answer may pause before it counts as lost.", unit="seconds", minimum=0.05, maximum=7200)
    retries: int = _setting(
        2, "How often a failed request is tried again before any text arrived; 0 turns retries off.",
        minimum=0, maximum=2)
    key_over_http: bool = _setting(
        False, "Whether the key may be sent to another machine without encryption, where others can read it.")
    headers: Mapping[str, str] = _setting({}, "Extra HTTP headers, one a line; never a key.")
    options: Mapping[str, Json] = _setting({}, "Settings of this kind of provider alone, such as num_ctx.")

    @property
    def label(self) -> str:
        """What a human calls it."""
        return self.title or self.name


@dataclass(frozen=True)
class ParameterSettings:
    """`[parameters]`: what is asked of every model; absent is left out of the request."""

    temperature: Optional[float] = _setting(
        None, "How freely the model chooses its words; 0 repeats itself best.", minimum=0, maximum=2)
    top_p: Optional[float] = _setting(
        None, "The share of likely words to choose from.", minimum=0, maximum=1)
    max_tokens: Optional[int] = _setting(
        None, "The most an answer may hold.", unit="tokens", minimum=1, maximum=10_000_000)
    seed: Optional[int] = _setting(
        None, "A number that makes an answer repeatable where the provider can.", minimum=-(2**63), maximum=2**63 - 1)
    stop: Tuple[str, ...] = _setting((), "Texts at which the model stops, four at most.", maximum=4)
    reasoning_effort: Optional[str] = _setting(
        None, "How long a thinking model thinks, in the provider's words: low, medium, high.")


@dataclass(frozen=True)
class PanelSettings:
    """`[panel]`: how the panel looks and what its keys do."""

    enter_sends: bool = _setting(True, "Whether Enter sends and Shift+Enter breaks the line; off, Ctrl+Enter sends.")
    notifications: bool = _setting(
        True, "Whether an answer that is ready while nobody looks at the panel is told by the desktop.")
    language: Optional[str] = _setting(
        None, "The panel's language, such as de or pt_BR, where a catalogue for it lies in the home's folder locale; "
        "absent is English. Counts from the next start.")
    font_scale: float = _setting(1.0, "The size of the panel's text against the host's.", minimum=0.5, maximum=3)
    shortcuts: Mapping[str, Tuple[str, ...]] = _setting(
        {}, 'Keys of your own for commands, such as new = ["Ctrl+T"]; an empty list takes a command\'s keys away.',
        shape="keys")
    nuke_shortcut: Optional[str] = _setting(
        None, "The key in Nuke that opens the panel, such as Ctrl+Alt+A; it takes the key from whatever had it. "
        "Counts from the next start of Nuke.", shape="key")


@dataclass(frozen=True)
class RedactionSettings:
    """`[redaction]`: what becomes a placeholder before a prompt leaves, and is put back into the answer."""

    levels: Tuple[str, ...] = _setting(
        (), "Where prompts are redacted: cloud, house (the local network), machine (this computer).", maximum=3,
        shape="levels")
    paths: bool = _setting(True, "Whether file paths become placeholders.")
    users: bool = _setting(True, "Whether the names of this computer's user and of home folders become placeholders.")
    hosts: bool = _setting(True, "Whether this computer's name and names in the local network become placeholders.")
    words: Tuple[str, ...] = _setting((), "Words and names of your own that become placeholders.", maximum=1000)


@dataclass(frozen=True)
class DeveloperSettings:
    """`[developer]`: for who works on the panel's own code."""

    reload: bool = _setting(False, "Whether the panel's code is loaded again whenever one of its files is saved.")


@dataclass(frozen=True)
class Settings:
    """All settings, merged. `sources` says where each value that is not a default came from, by dotted name."""

    home: Path
    providers: Mapping[str, ProviderSettings]
    default_provider: str = _setting("local", "The provider of a new conversation.")
    default_model: Optional[str] = _setting(
        None, "The model of a new conversation; absent takes the provider's default_model.")
    fallback: Tuple[str, ...] = _setting(
        (), "Whom to ask instead, in this order, when the chosen model is not available: provider/model. Only one "
        "that the prompt travels as far to, never from a local model to a service; empty is nobody.", maximum=8)
    wait_for_server_s: float = _setting(
        600.0, "How long a question in the panel waits for a server that is not there; 0 says at once that it is not. "
        "Scripts and the command line wait only if they say so.", unit="seconds", minimum=0, maximum=86400)
    system: Optional[str] = _setting(None, "The system prompt of a new conversation.")
    max_tool_rounds: int = _setting(
        8, "How many times in one answer a model may ask for tools.", minimum=0, maximum=100)
    parameters: ParameterSettings = ParameterSettings()
    panel: PanelSettings = PanelSettings()
    redaction: RedactionSettings = RedactionSettings()
    developer: DeveloperSettings = DeveloperSettings()
    sources: Mapping[str, str] = field(default_factory=dict)

    def provider(self, name: str) -> ProviderSettings:
        """The row called `name`. Raises SettingsError that says which rows there are."""
        found = self.providers.get(name)
        if found is not None:
            return found
        near = difflib.get_close_matches(name, list(self.providers), n=1, cutoff=0.65)
        known = ", ".join(sorted(row.name for row in self.providers.values() if row.enabled))
        raise SettingsError(
            f"there is no provider called {name!r}",
            user_text=tr("There is no provider called {name!r}.", name=name),
            next_step=tr("Did you mean {near}?", near=near[0]) if near else tr("Choose one of: {known}.", known=known),
        )
