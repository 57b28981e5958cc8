"""Layered settings: defaults < studio files < the user's file < environment < arguments. Any thread; values only.

`values` declares every setting once (type, default, unit, sentence), `table` reads those declarations, `layers`
merges, `toml_file` is the file on disk, `home` finds it, `addresses` understands the ways people write a server's
address. API keys never live here: see keys.py.
"""

from __future__ import annotations

from .addresses import is_loopback_url, origin_of
from .home import history_path, home_dir, settings_path
from .layers import load_settings, settings_files
from .saving import save_setting, save_settings
from .values import PanelSettings, ParameterSettings, ProviderSettings, Settings

__all__ = [
    "PanelSettings", "ParameterSettings", "ProviderSettings", "Settings", "history_path", "home_dir",
    "is_loopback_url", "load_settings", "origin_of", "save_setting", "save_settings",
    "settings_files", "settings_path",
]
