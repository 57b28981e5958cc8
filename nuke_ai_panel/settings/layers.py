"""Merges the layers into one `Settings`, and says where each value came from. Any thread; reads files, keeps nothing.

Later wins: defaults, the studio's files (NUKE_AI_PANEL_CONFIG, in their order), the user's file, the environment,
arguments. `headers`, `options` and `shortcuts` are merged entry by entry, everything else is replaced whole.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, NoReturn, Optional, Tuple

from ..errors import SettingsError
from ..messages import Json
from ..words import tr
from .addresses import unquoted
from .home import home_dir, settings_path
from .options import option_names, option_problem
from .presets import ADDRESS_ENVS, ALWAYS_OFFERED, BUILT_IN, OTHER_KEY_ENVS, WANTED_BY
from .table import PROVIDER_ROWS, ROWS, Row, check, is_key_header, is_key_name, kind_of, looks_like_key
from .toml_file import Path_, parse_toml, read_toml
from .values import (
    DeveloperSettings,
    PanelSettings,
    ParameterSettings,
    ProviderSettings,
    RedactionSettings,
    Settings,
)

STUDIO_FILES = "NUKE_AI_PANEL_CONFIG"
# environment variable → the setting it sets
ENVIRONMENT: Mapping[str, Path_] = {
    "NUKE_AI_PANEL_PROVIDER": ("default_provider",),
    "NUKE_AI_PANEL_MODEL": ("default_model",),
    "NUKE_AI_PANEL_DEVELOPER": ("developer", "reload"),
    "NUKE_AI_PANEL_LOCALE": ("panel", "language"),
    **{variable: ("providers", name, "base_url") for variable, name in ADDRESS_ENVS.items()},
}
# Where a value comes from that a caller or a command line gave.
ARGUMENTS = "arguments"
_SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_PROVIDER: Path_ = ("default_provider",)
_MODEL: Path_ = ("default_model",)
_SHORTCUTS: Path_ = ("panel", "shortcuts")
_TABLES = ("headers", "options")
_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
_Place = Callable[[Path_], str]
_Merged = Dict[Path_, Tuple[Json, str]]


def load_settings(
    *, env: Optional[Mapping[str, str]] = None, overrides: Optional[Mapping[str, Json]] = None,
    user_text: Optional[str] = None,
) -> Settings:
    """Every layer merged; `overrides` are dotted names (None is not given). Raises SettingsError naming the place.

    `user_text` stands in for what the user's file says, to see what would come of it.
    """
    env = os.environ if env is None else env
    home = home_dir(env)
    merged: _Merged = {}
    mine = settings_path(home)
    files = [read_toml(path, missing_ok=False) for path in studio_files(env)]
    files.append(read_toml(mine, missing_ok=True) if user_text is None else parse_toml(mine, user_text))
    for file in files:
        _merge(merged, _entries(file.data, file.place), file.place)
    said = {name: (variable, env.get(variable, "").strip()) for variable, name in ENVIRONMENT.items()}
    _merge(merged, ((name, _said(name, text)) for name, (_, text) in said.items() if text), lambda name: said[name][0])
    given = [(dotted_name(name), value) for name, value in (overrides or {}).items() if value is not None]
    _merge(merged, iter(given), _always(ARGUMENTS))
    return _settings(home, merged, env)


def studio_files(env: Mapping[str, str]) -> List[Path]:
    """The files that NUKE_AI_PANEL_CONFIG names, in order."""
    parts = env.get(STUDIO_FILES, "").split(os.pathsep)
    return [Path(os.path.expanduser(part.strip())) for part in parts if part.strip()]


def settings_files(env: Optional[Mapping[str, str]] = None) -> Tuple[Path, ...]:
    """Every file that `load_settings` reads, whether it exists or not."""
    env = os.environ if env is None else env
    return (*studio_files(env), settings_path(home_dir(env)))


def dotted_name(path: str) -> Path_:
    """The parts of a dotted name; what follows `headers.` or `options.` is one part, dots and all."""
    parts = path.split(".")
    if parts[0] == "providers" and len(parts) > 3:
        parts = [*parts[:3], ".".join(parts[3:])]
    return tuple(parts)


def checked_value(name: Path_, value: Json, where: str) -> Json:
    """The value as its setting would hold it in the file `where`. Raises SettingsError."""
    value = _checked(name, value, where)
    if name[2:3] == ("options",) and name[1] in BUILT_IN and len(name) == 4:
        _check_option(BUILT_IN[name[1]]["kind"], name, value, where)
    return value


def setting_row(path: str, settings: Settings) -> Row:
    """The declaration of a setting by its dotted name. Raises SettingsError with the nearest name there is."""
    name = dotted_name(path)
    row = _row_of(name, "settings")
    if name[2:3] == ("options",) and len(name) == 4:
        known = option_names(settings.provider(name[1]).kind)
        if known is None:
            return row
        if name[3] not in known:
            _unknown("settings", name, name[3], list(known))
        return known[name[3]]
    return row


# ---------------------------------------------------------------- one layer


def _entries(data: Mapping[str, Json], place: _Place) -> Iterator[Tuple[Path_, Json]]:
    """Every setting of a parsed file with its name."""
    for key, value in data.items():
        if key != "providers" and key not in ROWS:
            yield (key,), value
            continue
        for inner, row in _table((key,), value, place).items():
            if key != "providers":
                if _is_table((key, inner)) and isinstance(row, dict):
                    yield from (((key, inner, entry), one) for entry, one in row.items())
                else:
                    yield (key, inner), row
                continue
            fields = _table((key, inner), row, place)
            if not fields:
                _row_of((key, inner, "kind"), place((key, inner)))
            for field, field_value in fields.items():
                if _is_table((key, inner, field)) and isinstance(field_value, dict):
                    yield from (((key, inner, field, entry), one) for entry, one in field_value.items())
                else:
                    yield (key, inner, field), field_value


def _is_table(name: Path_) -> bool:
    return name == _SHORTCUTS or (len(name) == 3 and name[0] == "providers" and name[2] in _TABLES)


def _table(name: Path_, value: Json, place: _Place) -> Mapping[str, Json]:
    if isinstance(value, dict):
        return value
    _refuse(place(name), name, tr("must be a table, not {kind_of}", kind_of=kind_of(value)),
        tr("Write it as [{names}].", names='.'.join(name)))


def _merge(merged: _Merged, entries: Iterator[Tuple[Path_, Json]], place: _Place) -> None:
    layer = list(entries)
    if any(name == _PROVIDER for name, _ in layer):
        # The model that a lower layer named belongs to the provider that it named.
        merged.pop(_MODEL, None)
    for name, value in layer:
        where = place(name)
        value = _checked(name, value, where)
        if _is_table(name):
            merged.update({(*name, entry): (one, where) for entry, one in value.items()})
        else:
            merged[name] = (value, where)


def _checked(name: Path_, value: Json, where: str) -> Json:
    """The value as its setting holds it. Raises SettingsError; a message never repeats what may be a key."""
    row = _row_of(name, where)
    depth = 3 if name[0] == "providers" else 2
    entry = name[depth:]
    inner = {entry[0]: value} if entry else value
    _refuse_keys(name[:depth], row, inner, where)
    checked, problem = check(row, inner)
    if problem:
        _refuse(where, name, problem, tr("Correct the value, or take it out."))
    return checked[entry[0]] if entry else checked


def _row_of(name: Path_, where: str) -> Row:
    """The declaration of a setting. Raises SettingsError with the nearest name there is."""
    if name[0] == "providers":
        if len(name) < 3:
            _refuse(where, name, tr("must be a table"), tr("Write it as [providers.NAME]."))
        if not _NAME.match(name[1]):
            _refuse(where, name[:2], tr("is not a name for a provider"), tr("Use small letters, digits, - and _ only."))
        known, last = PROVIDER_ROWS, name[2]
        if last in known and (len(name) == 3 or last in _TABLES):
            return known[last]
    else:
        section = name[0] if len(name) > 1 else ""
        if section not in ROWS:
            _unknown(where, name, section, [*ROWS, "providers"])
        if name[:2] == _SHORTCUTS and len(name) <= 3:
            return ROWS["panel"]["shortcuts"]
        known, last = ROWS[section], name[-1]
        if last in known and len(name) <= 2:
            return known[last]
    if is_key_name(last):
        _refuse_key(where, name)
    names = list(known) if len(name) > 1 else [*known, *(one for one in ROWS if one), "providers"]
    _unknown(where, name, last, names)


def _refuse_keys(name: Path_, row: Row, value: Json, where: str) -> None:
    """Refuses secrets wherever they could hide; the system prompt is the one text that may quote anything."""
    if row.name == "system" and name[0] != "providers":
        return
    inner = list(value.items()) if isinstance(value, dict) else [("", value)]
    for key, one in inner:
        if looks_like_key(one) or (row.name == "headers" and is_key_header(key)) or (
                row.name == "options" and is_key_name(key)):
            _refuse_key(where, (*name, key) if key else name)


def _refuse_key(where: str, name: Path_) -> NoReturn:
    provider = name[1] if name[0] == "providers" and len(name) > 1 else ""
    variable = BUILT_IN.get(provider, {}).get("key_env") or tr("the environment variable that key_env names")
    _refuse(where, name, tr("looks like an API key, and keys are never kept in settings"),
            tr("Take it out of the file, then add the key in Settings or set {variable}.", variable=variable))


def _unknown(where: str, name: Path_, last: str, known: List[str]) -> NoReturn:
    near = difflib.get_close_matches(last, [one for one in known if one], n=1, cutoff=0.55)
    step = tr("Take it out, or look it up in docs/settings.md.")
    if near:
        step = tr("Did you mean {names}?", names='.'.join((*name[:-1], near[0])))
    _refuse(where, name, tr("is not a setting"), step)


def _refuse(where: str, name: Path_, problem: str, step: str) -> NoReturn:
    message = f"{where}: {'.'.join(name)} {problem}"
    raise SettingsError(message, user_text=f"{message.rstrip('.')}.", next_step=step)


def _said(name: Path_, text: str) -> Json:
    """What a variable's text means: a switch is on or off, all else is text."""
    return _SWITCHES.get(text.lower(), text) if name[0] == "developer" else text


def _always(place: str) -> _Place:
    return lambda name: place


# ---------------------------------------------------------------- all layers


def _settings(home: Path, merged: _Merged, env: Mapping[str, str]) -> Settings:
    plain: Dict[str, Json] = {}
    sections: Dict[str, Dict[str, Json]] = {name: {} for name in ROWS if name}
    providers: Dict[str, Dict[str, Json]] = {name: dict(row) for name, row in BUILT_IN.items()}
    for name, (value, _) in merged.items():
        if name[0] != "providers" and len(name) == 3:
            sections[name[0]].setdefault(name[1], {})[name[2]] = value
        elif name[3:]:
            providers.setdefault(name[1], {}).setdefault(name[2], {})[name[-1]] = value
        elif name[0] == "providers":
            providers.setdefault(name[1], {})[name[2]] = value
        elif len(name) == 2:
            sections[name[0]][name[1]] = value
        else:
            plain[name[0]] = value
    for preset in BUILT_IN:
        providers[preset] = _preset(preset, providers[preset], merged, env)
    _check_default(providers, merged)
    return Settings(
        home=home,
        providers={name: _provider(name, row, merged) for name, row in providers.items()},
        parameters=ParameterSettings(**sections["parameters"]),
        panel=PanelSettings(**sections["panel"]),
        redaction=RedactionSettings(**sections["redaction"]), developer=DeveloperSettings(**sections["developer"]),
        sources={".".join(name): where for name, (_, where) in merged.items()},
        **plain,
    )


def _check_default(providers: Mapping[str, object], merged: _Merged) -> None:
    """A file or a variable that makes a provider the default names one that there is; an argument's is said later."""
    name, where = merged.get(_PROVIDER, ("", ARGUMENTS))
    if where == ARGUMENTS or name in providers:
        return
    near = difflib.get_close_matches(str(name), list(providers), n=1, cutoff=0.65)
    step = tr("Did you mean {near}?", near=near[0]) if near else tr("Add the provider, or name another.")
    _refuse(where, _PROVIDER, tr("names a provider that there is not: {name!r}", name=name), step)


def _preset(name: str, row: Dict[str, Json], merged: _Merged, env: Mapping[str, str]) -> Dict[str, Json]:
    """A built-in row with its key's variable, and off unless somebody wants it (see presets.py)."""
    named = ("providers", name, "key_env") in merged
    candidates = [row["key_env"]] if row.get("key_env") else []
    candidates += [] if named else OTHER_KEY_ENVS.get(name, ())
    with_key = [variable for variable in candidates if env.get(variable, "").strip()]
    if with_key:
        row = {**row, "key_env": with_key[0]}
    if "enabled" in row or name in ALWAYS_OFFERED:
        return row
    is_default = merged.get(_PROVIDER, ("", ""))[0] == name
    is_wanted = is_default or any(("providers", name, field) in merged for field in WANTED_BY)
    return {**row, "enabled": bool(with_key) or is_wanted}


def _check_option(kind: str, name: Path_, value: Json, where: str) -> None:
    known = option_names(kind)
    if known is None:
        return
    if name[-1] not in known:
        _unknown(where, name, name[-1], list(known))
    problem = option_problem(known[name[-1]], value)
    if problem:
        _refuse(where, name, problem, tr("Correct the value, or take it out."))


def _provider(name: str, row: Mapping[str, Json], merged: _Merged) -> ProviderSettings:
    where = next((source for path, (_, source) in merged.items() if path[:2] == ("providers", name)), "")
    kind = row.get("kind")
    if not kind:
        near = difflib.get_close_matches(name, list(BUILT_IN), n=1)
        step = tr('Add kind = "openai", which is what llama.cpp, LM Studio, vLLM and most services speak.')
        _refuse(where, ("providers", name), tr("does not say which kind of provider it is"),
                tr("Did you mean providers.{near}?", near=near[0]) if near else step)
    if name in BUILT_IN and kind != BUILT_IN[name]["kind"]:
        where = merged[("providers", name, "kind")][1]
        _refuse(where, ("providers", name), tr("is always of kind {value}", value=BUILT_IN[name]['kind']),
                tr("Give a provider of your own another name."))
    for option, value in row.get("options", {}).items():
        path = ("providers", name, "options", option)
        _check_option(str(kind), path, value, merged[path][1])
    settings = ProviderSettings(name=name, **row)
    if settings.key_env is None and kind not in ("local", "scripted"):
        settings = replace(settings, key_env=f"{name.upper().replace('-', '_')}_API_KEY")
    return replace(settings, base_url=unquoted(settings.base_url)) if settings.base_url else settings
