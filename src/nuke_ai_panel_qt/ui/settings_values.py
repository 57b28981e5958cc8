"""What the settings dialog is told to show. Frozen values; the desk makes them, widgets read them.

Every value is text here, as an artist would type it; what it means is the desk's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Optional, Tuple

from .panel_values import ConnectionState

FieldKind = Literal["line", "lines", "switch", "choice"]
Choices = Tuple[Tuple[str, str], ...]  # (words, value)


@dataclass(frozen=True)
class FieldValue:
    """One setting. `locked_by` names the stronger layer that decides it, `note` a weaker one that it comes from.

    `problem` is what is wrong with `text`, which then was not saved.
    """

    name: str
    label: str
    kind: FieldKind = "line"
    text: str = ""
    placeholder: str = ""
    sentence: str = ""
    note: str = ""
    locked_by: str = ""
    problem: str = ""
    choices: Choices = ()


@dataclass(frozen=True)
class FieldGroup:
    """Fields under a heading."""

    title: str
    fields: Tuple[FieldValue, ...]


@dataclass(frozen=True)
class FormPage:
    """A page of fields."""

    id: str
    title: str
    lead: str
    groups: Tuple[FieldGroup, ...]


@dataclass(frozen=True)
class KeyValue:
    """A provider's key as far as a widget may know it: where it is, and where it may be kept."""

    note: str
    places: Choices
    locked_by: str = ""
    can_forget: bool = False
    problem: str = ""


@dataclass(frozen=True)
class ProviderPage:
    """A provider: on or off, its true state, its key and its fields. `key` is None where none is needed."""

    name: str
    form: FormPage
    is_on: bool
    on_locked_by: str = ""
    state: ConnectionState = "unknown"
    sentence: str = ""
    key: Optional[KeyValue] = None
    can_remove: bool = False


@dataclass(frozen=True)
class ListRow:
    """One page in the dialog's list. `state` and `is_on` are a provider's."""

    id: str
    title: str
    group: str
    icon: str = ""
    state: ConnectionState = "unknown"
    is_on: bool = True


@dataclass(frozen=True)
class ShortcutRow:
    """One command and its keys. `clash` names the other commands that have one of them."""

    command: str
    sentence: str
    group: str
    keys: Tuple[str, ...]
    is_own: bool = False
    clash: str = ""
    locked_by: str = ""


@dataclass(frozen=True)
class NewProvider:
    """What can be added; `problem` is what was wrong with the last try."""

    kinds: Choices
    problem: str = ""
