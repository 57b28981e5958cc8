"""Finds a setting's declaration, its value and the layer it comes from, by dotted name. Pure."""

from __future__ import annotations

import re
from typing import List, Tuple

from ..messages import Json
from .home import settings_path
from .layers import ENVIRONMENT, dotted_name, setting_row
from .options import OPTIONS
from .table import PROVIDER_ROWS, ROWS, Row
from .values import Settings

DEFAULT, ARGUMENTS = "default", "arguments"
_TABLES = ("headers", "options")


def look_up(settings: Settings, path: str) -> Tuple[Row, Json]:
    """A setting's declaration and value. Raises SettingsError for a name that is none."""
    row = setting_row(path, settings)
    name = dotted_name(path)
    holder: Json = settings
    if name[0] == "providers":
        holder, name = settings.provider(name[1]), name[2:]
    for part in name:
        if isinstance(holder, dict):
            return row, holder.get(part, row.default if row.name == part else None)
        holder = getattr(holder, part)
    return row, holder


def names_under(settings: Settings, prefix: str = "") -> Tuple[str, ...]:
    """Every setting whose dotted name is `prefix` or begins with it, tables entry by entry, in the docs' order."""
    found: List[str] = [*ROWS[""]]
    for section, rows in ROWS.items():
        if section:
            found += [f"{section}.{name}" for name in rows if name != "shortcuts"]
    found += [f"panel.shortcuts.{name}" for name in settings.panel.shortcuts]
    for name, row in settings.providers.items():
        found += [f"providers.{name}.{one}" for one in PROVIDER_ROWS if one not in _TABLES]
        found += [f"providers.{name}.headers.{one}" for one in row.headers]
        declared = [one.name for one in OPTIONS.get(row.kind, ())]
        found += [f"providers.{name}.options.{one}" for one in dict.fromkeys([*declared, *row.options])]
    return tuple(one for one in found if not prefix or one == prefix or one.startswith(f"{prefix}."))


def source_of(settings: Settings, path: str) -> str:
    """Where a setting's value comes from: a file with its line, an environment variable, arguments, or the default.

    The entries of a table may come from several places.
    """
    name = ".".join(dotted_name(path))
    found = settings.sources.get(name)
    entries = dict.fromkeys(where for one, where in settings.sources.items() if one.startswith(f"{name}."))
    return found or "; ".join(entries) or DEFAULT


def is_the_users(settings: Settings, path: str) -> bool:
    """Whether the value stands in the user's own file."""
    file = re.escape(str(settings_path(settings.home)))
    return re.match(rf"{file}(, line \d+)?(;|$)", source_of(settings, path)) is not None


def stronger_source(settings: Settings, path: str) -> str:
    """The layer above the user's file that decides a setting, empty when none does: saving would change nothing."""
    source = source_of(settings, path)
    return source if source in ENVIRONMENT or source == ARGUMENTS else ""
