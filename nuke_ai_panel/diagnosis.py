"""What the product knows about itself: for `doctor`, the menu's report and the troubleshooter's.

It is for the day when something is missing or broken, so each part looks for itself and says what stopped it; only the
standard library is needed to get as far as naming the cause. Nothing is sent anywhere, and no App is opened for it. No
key, no name of a person or a computer, and nothing that was asked or answered is in it: every line is masked. Any
thread but the loop's; it takes as long as the system's key store takes to answer, some seconds at most.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Iterator, List, Mapping, Optional, Tuple

from . import __version__
from .diagnosis_values import Line, Mask, Report, Section, State
from .errors import NukeAIError
from .install.packages import (
    ROOT,
    failure_to_load,
    look_at_all,
    mending_command,
    other_pythons,
    reinstalling_command,
    second_copies,
)
from .install.receipt import Receipt, read_receipt
from .install.targets import folder_of
from .install.wholeness import data_that_is_broken, parts_that_are_missing, unlike_the_receipt

__all__ = ["Line", "Report", "Section", "make_report"]

LAST_LINES = 20
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_OURS = ("NUKE_AI_PANEL_HOME", "NUKE_AI_PANEL_CONFIG", "NUKE_AI_PANEL_POLICY", "NUKE_AI_PANEL_QT",
         "NUKE_AI_PANEL_PROVIDER", "NUKE_AI_PANEL_MODEL",
         "NUKE_AI_PANEL_LOCALE", "NUKE_AI_PANEL_LOCALES",
         "NUKE_PATH", "PYTHONPATH", "PYTHON_KEYRING_BACKEND")
_OWN = ("nuke_ai_panel", "nuke_ai_panel_qt")
_NO_FILE = "That file is not there."


def make_report(*, host: Optional[Mapping[str, str]] = None, env: Optional[Mapping[str, str]] = None) -> Report:
    """Looks at everything. `host` is what the host says of itself; without it, a Nuke that is there is named."""
    env = os.environ if env is None else env
    parts: Tuple[Tuple[str, Callable[[], Iterator[Line]]], ...] = (
        ("Product", _product), ("Host", lambda: _host(host or {})), ("Python", _python), ("Qt", _qt),
        ("Packages", _packages), ("Code", _code), ("Paths", lambda: _paths(env)),
        ("Settings", lambda: _settings(env)), ("Policy", lambda: _policy(env)), ("Keys", lambda: _keys(env)),
        ("Network", lambda: _network(env)), ("Providers", lambda: _providers(env)),
        ("History", lambda: _history(env)), ("Now", _now), ("Log", lambda: _log(env)),
    )
    clean = Mask(env, [row.key_env or "" for row in _rows(env).values()], _key_file(env))
    return Report(time.time(), tuple(Section(title, _looked(look, clean)) for title, look in parts))


def _looked(look: Callable[[], Iterator[Line]], clean: Mask) -> Tuple[Line, ...]:
    lines: List[Line] = []
    try:
        lines.extend(look())
    except Exception as error:  # noqa: BLE001  (one broken part must not hide the others)
        if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in _OWN:
            # Nothing of anybody's is in it, and the mask itself may be what is missing.
            return (Line("problem", f"A part of the product is missing or broken: {error.name}", "wrong",
                         "Install it again."),)
        user_text, step = getattr(error, "user_text", ""), getattr(error, "next_step", "")
        lines.append(Line("problem", user_text or f"{type(error).__name__}: {error}", "wrong", step))
    return tuple(Line(clean(one.name), clean(one.value), one.state, clean(one.next_step)) for one in lines)


# ---------------------------------------------------------------- the parts


def _product() -> Iterator[Line]:
    yield Line("version", __version__)
    yield Line("library", str(Path(__file__).resolve().parent))
    panel = _place_of("nuke_ai_panel_qt")
    if panel:
        is_mixed = str(Path(panel).resolve().parent) not in (str(ROOT / "src"), str(ROOT))
        yield Line("panel", panel, "wrong" if is_mixed else "ok",
                   "The panel and the library are of two copies. Take one off the path." if is_mixed else "")
    else:
        yield Line("panel", "not on Python's path", "note")
    start: Any = sys.modules.get("_nuke_ai_panel_start")
    if start is not None:
        yield Line("started from", str(getattr(start, "here", "?")))
        if start.failure:
            yield Line("start", " ".join(str(start.failure).split("\n")[0].split()), "wrong")
    for other in dict.fromkeys([*getattr(start, "others", []), *second_copies()]):
        yield Line("second copy", other, "wrong", "It is not used. Take it off NUKE_PATH, ~/.nuke or PYTHONPATH.")
    receipt = read_receipt(ROOT)
    if receipt is not None:
        built = ", ".join(sorted(receipt.targets)) or "nothing"
        yield Line("built for", f"{built}, by nuke-ai-panel {receipt.version} on {receipt.made_at}")


def _host(known: Mapping[str, str]) -> Iterator[Line]:
    nuke: Any = sys.modules.get("nuke")  # looked at, never imported: importing it takes a licence
    if not known and nuke is None:
        yield Line("host", "none: this is not in Nuke")
    if not known and nuke is not None:
        known = {"Nuke": str(getattr(nuke, "NUKE_VERSION_STRING", "?")),
                 "interface": "yes" if getattr(nuke, "GUI", False) else "no (terminal)"}
    for name, value in known.items():
        yield Line(name, value)


def _python() -> Iterator[Line]:
    yield Line("Python", ".".join(map(str, sys.version_info[:3])))
    yield Line("program", sys.executable or "(embedded)")
    yield Line("system", f"{sys.platform}, {folder_of().rpartition('-')[2]}")
    import ssl

    yield Line("OpenSSL", ssl.OPENSSL_VERSION)
    from .store.database import sqlite_version

    yield Line("SQLite", ".".join(map(str, sqlite_version())))


def _qt() -> Iterator[Line]:
    loaded = [name for name in ("PySide6", "PySide2") if f"{name}.QtCore" in sys.modules]
    for name in loaded:
        core = sys.modules[f"{name}.QtCore"]
        yield Line(name, f"Qt {core.qVersion()}, from {os.path.dirname(str(core.__file__))}")
    if len(loaded) > 1:
        yield Line("bindings", "two are loaded", "wrong", "Take the PySide that is not Nuke's out of PYTHONPATH.")
    if not loaded:
        there = [name for name in ("PySide6", "PySide2") if _place_of(name)]
        yield Line("bindings", f"none is loaded; on the path: {', '.join(there) or 'none'}")


def _packages() -> Iterator[Line]:
    others = other_pythons()
    if others:
        yield Line("packages", f"built for {', '.join(others)}, and this is {folder_of()}", "wrong", mending_command())
    for found in look_at_all():
        one = found.package
        if found.problem:
            place = f", in {found.place}" if found.place else ""
            yield Line(one.name, found.problem + place, "wrong" if found.is_wrong else "note",
                       f"It is for {one.purpose}. {mending_command()}")
        else:
            failure = failure_to_load(one.module)
            yield Line(one.name, f"{found.version or '?'}, in {found.place}{failure}", "wrong" if failure else "ok",
                       f"It is for {one.purpose}. {mending_command()}" if failure else "")
        for other in found.behind:
            yield Line(one.name, f"another copy in {other} is shadowed", "note")


def _code() -> Iterator[Line]:
    broken: List[Line] = []
    count = 0
    for folder in filter(None, (str(ROOT / "nuke_ai_panel"), _place_of("nuke_ai_panel_qt"))):
        for path in sorted(Path(folder).rglob("*.py")):
            count += 1
            try:
                text = path.read_bytes()
                compile(text, str(path), "exec", dont_inherit=True)
                if not text.strip() and (path.name != "__init__.py" or str(path.parent) == folder):
                    raise ValueError("the file is empty")
            except (SyntaxError, ValueError, OSError) as error:
                line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
                broken.append(Line("broken file", f"{path}{line}: {getattr(error, 'msg', None) or error}", "wrong",
                                   "Install the panel again, or mend the file."))
    yield Line("files", f"{count} compile" if not broken else f"{len(broken)} of {count} do not compile")
    yield from broken
    yield from _whole()


def _whole() -> Iterator[Line]:
    again = f"Install the panel again: {reinstalling_command()}"
    receipt: Optional[Receipt] = None
    with suppress(NukeAIError):  # another part says that the receipt is broken
        receipt = read_receipt(ROOT)
    if receipt is not None:
        missing, changed = unlike_the_receipt(ROOT, receipt)
        if missing:
            more = f" and {len(missing) - 3} more" if missing[3:] else ""
            yield Line("missing file", ", ".join(missing[:3]) + more, "wrong", again)
        yield from (Line("changed file", name, "note", "It is not as it was installed.") for name in changed[:20])
    elif (ROOT / "init.py").is_file() != (ROOT / "menu.py").is_file():
        gone = "menu.py" if (ROOT / "init.py").is_file() else "init.py"
        yield Line("missing file", str(ROOT / gone), "wrong", again)
    if (ROOT / "init.py").is_file() and not (ROOT / "src" / "nuke_ai_panel_qt" / "__init__.py").is_file():
        yield Line("missing file", str(ROOT / "src" / "nuke_ai_panel_qt"), "wrong", again)
    for folder in filter(None, (str(ROOT / "nuke_ai_panel"), _place_of("nuke_ai_panel_qt"))):
        yield from (Line("missing part", one, "wrong", again) for one in parts_that_are_missing(Path(folder))[:20])
        yield from (Line("broken file", one, "wrong", again) for one in data_that_is_broken(Path(folder)))


def _paths(env: Mapping[str, str]) -> Iterator[Line]:
    from .settings.home import home_dir

    home = home_dir(env)
    nearest = next(one for one in (home, *home.parents) if one.exists())
    can_write = nearest.is_dir() and os.access(nearest, os.W_OK)
    yield Line("user data", str(home) + ("" if home.exists() else " (not there yet)"), "ok" if can_write else "wrong",
               "" if can_write else "It may not be written to, so nothing is kept. Mend its rights, or set "
               "NUKE_AI_PANEL_HOME to a folder that you may write to.")
    for name in _OURS:
        if env.get(name):
            yield Line(name, env[name])
    for number, entry in enumerate(sys.path):
        yield Line(f"sys.path {number}", entry or "(working folder)")


def _settings(env: Mapping[str, str]) -> Iterator[Line]:
    from .settings import settings_files

    for path in settings_files(env):
        yield Line("file", str(path) + ("" if path.exists() else " (not there)"))
    settings = _load(env)
    yield Line("question to", f"{settings.default_provider} · {settings.default_model or 'its default model'}")
    yield Line("developers' mode", "on" if settings.developer.reload else "off")
    for name, place in sorted(settings.sources.items()):
        yield Line("set", f"{name}  ({place})")
    from .app import open_apps

    for problem in filter(None, (app.settings_problem() for app in open_apps())):
        yield Line("not taken", problem.user_text, "wrong", problem.next_step)


def _policy(env: Mapping[str, str]) -> Iterator[Line]:
    from .settings.policy_source import PolicySource, policy_paths

    for path, must_exist in policy_paths(env):
        if path.exists() or must_exist:
            yield Line("file", str(path))
    policy = PolicySource(env).read()
    if policy.error is not None:
        yield Line("policy", policy.error.user_text, "wrong", policy.error.next_step)
    else:
        yield Line("policy", f"{len(policy.files)} in force" if policy.files else "none")


def _keys(env: Mapping[str, str]) -> Iterator[Line]:
    from .errors import SettingsError
    from .keys import Keys, backend_name

    try:
        settings = _load(env)
    except SettingsError:
        yield Line("keys", "not looked for, because the settings cannot be read", "note")
        return
    keys = Keys(env, settings.home)
    store = backend_name(env)
    yield Line("key store", store or "none that answers", "ok" if store else "note")
    if keys.warning:
        yield Line("environment", keys.warning, "note")
    for row in settings.providers.values():
        if row.enabled:
            key = keys.find(row)
            if key is not None:
                key.reveal()  # from here on it is masked wherever it stands, in the log's lines too
            yield Line(row.name, _source(keys.source(row), row.kind))
    if keys.trouble:
        yield Line("trouble", keys.trouble, "note", "Keys from the environment and the private file still work.")


def _network(env: Mapping[str, str]) -> Iterator[Line]:
    for name in dict.fromkeys(one for proxy in _PROXIES for one in (proxy, proxy.lower())):
        if env.get(name):
            yield Line(name, env[name])
    for name in _TRUST:
        if env.get(name):
            yield _file_line(name, env[name])
    for row in _rows(env).values():
        if row.enabled and row.proxy not in (None, ""):
            yield Line(f"proxy of {row.name}", str(row.proxy))
        if row.enabled and row.ca_bundle:
            yield _file_line(f"certificates of {row.name}", row.ca_bundle)


def _providers(env: Mapping[str, str]) -> Iterator[Line]:
    from .app import open_apps

    apps = open_apps()
    if not apps:
        for row in _rows(env).values():
            if row.enabled:
                yield Line(row.name, f"on, at {row.base_url or 'this machine'}; not asked in this process")
        return
    from .settings import origin_of

    for name in apps[-1].providers.names():
        status = apps[-1].providers.status(name)
        row = apps[-1].settings.provider(name)
        said = " · ".join([status.state, row.kind, origin_of(row.base_url) if row.base_url else "this machine"])
        if status.latency_s is not None:
            said += f" · {status.latency_s * 1000:.0f} ms"
        error = status.error
        if error is None:
            yield Line(name, said)
        else:
            yield Line(name, f"{said} · {error.user_text or error.message}", "note", error.next_step)


def _history(env: Mapping[str, str]) -> Iterator[Line]:
    from .settings.home import history_path, home_dir
    from .store.file_facts import file_facts

    path = history_path(home_dir(env))
    yield Line("file", str(path))
    for name, value in file_facts(path).items():
        step = "See docs/data.md, or set NUKE_AI_PANEL_HOME to another folder." if name == "problem" else ""
        yield Line(name, value, "wrong" if name == "problem" else "ok", step)
    from .store.filesystems import is_network_path

    if is_network_path(path):
        yield Line("place", "on a network file system: one session writes at a time", "note")
    from .app import open_apps

    for trouble in filter(None, (app.store.trouble for app in open_apps())):
        yield Line("trouble", trouble.user_text, "wrong", trouble.next_step)


def _now() -> Iterator[Line]:
    threads = Counter(one.name.rstrip("0123456789-_ ()") for one in threading.enumerate())
    yield Line("threads", ", ".join(f"{name} {count}" for name, count in sorted(threads.items())))
    from .app import open_apps

    yield Line("answers", f"{sum(len(app.turns()) for app in open_apps())} being written")


def _log(env: Mapping[str, str]) -> Iterator[Line]:
    from .log_file import log_files
    from .settings.home import home_dir

    files = log_files(home_dir(env))
    if not files:
        yield Line("log", "nothing was logged yet")
        return
    yield Line("file", str(files[0]))
    lines: List[str] = []
    for path in reversed(files):
        lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if any(level in line for level in (" WARNING ", " ERROR ", " CRITICAL "))]
    yield Line("last troubles", f"{min(len(told), LAST_LINES)} of {len(told)}")
    for line in told[-LAST_LINES:]:
        yield Line("", line)


# ---------------------------------------------------------------- what the parts share


def _key_file(env: Mapping[str, str]) -> Optional[Path]:
    try:
        from .settings.home import home_dir

        return home_dir(env) / "keys.toml"
    except Exception:  # noqa: BLE001  (no home, or no package that finds one: then there is no file either)
        return None


def _load(env: Mapping[str, str]) -> Any:  # Any: Settings, of a package that may not be importable
    from .settings import load_settings

    return load_settings(env=env)


def _rows(env: Mapping[str, str]) -> Mapping[str, Any]:
    """The providers' rows; none where the settings cannot be read, which another part says."""
    try:
        rows: Mapping[str, Any] = _load(env).providers
    except Exception:  # noqa: BLE001  (a wrong file, or a package that it takes to read one)
        return {}
    return rows


def _file_line(name: str, path: str) -> Line:
    is_there = os.path.exists(os.path.expanduser(path))
    state: State = "ok" if is_there else "wrong"
    return Line(name, path, state, "" if is_there else _NO_FILE)


def _source(source: Optional[str], kind: str) -> str:
    if kind in ("local", "scripted"):
        return "needs no key"
    return {None: "no key", "keyring": "a key from the system's key store", "file": "a key from the private file",
            "memory": "a key for this session"}.get(source, f"a key from {source}")


def _place_of(module: str) -> str:
    from importlib.util import find_spec

    found = sys.modules.get(module)
    if found is not None:
        return next(iter(getattr(found, "__path__", [])), "")
    spec = find_spec(module)
    return next(iter((spec.submodule_search_locations or []) if spec is not None else []), "")
