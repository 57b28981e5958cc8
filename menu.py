"""Runs when Nuke starts with its interface: adds the panel. Guarded so that Nuke always starts.

Where the product cannot start, because Python is too old, a file of ours is broken or another copy comes first, the
panel's place in workspaces and a menu entry say why. That part needs nothing of the product and works in every Python.
"""
# ruff: noqa: UP031, UP036  (written for Pythons that Nuke had long ago)

import os
import sys


def _start_nuke_ai_panel(here):
    if sys.version_info < (3, 9):
        raise RuntimeError(
            "AI Panel needs Nuke 14 or newer: this Nuke has Python %d.%d, and the oldest that works is 3.9."
            % sys.version_info[:2]
        )
    start = sys.modules.get("_nuke_ai_panel_start")
    if start is None:
        raise RuntimeError("AI Panel's init.py did not run. It belongs beside menu.py in %s." % here)
    first = _copy_that_comes_first(here, start)
    if first:
        if here not in start.others and not _is_same(here, start.here):
            start.others.append(here)
        raise RuntimeError(
            "There are two copies of AI Panel. The one in %s comes first, so the one in %s is not used. "
            "Take one of them off NUKE_PATH, ~/.nuke or PYTHONPATH." % (first, here)
        )
    import nuke_ai_panel_qt

    nuke_ai_panel_qt.install()
    start.failure, start.is_added = "", True


def _is_same(one, other):
    return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def _copy_that_comes_first(here, start):
    """The folder of another copy that Python or Nuke found before the one in `here`; empty for none."""
    if not _is_same(here, start.here):
        return start.here
    from importlib.util import find_spec

    for name, folder in (("nuke_ai_panel", here), ("nuke_ai_panel_qt", os.path.join(here, "src"))):
        found = find_spec(name)
        places = list(found.submodule_search_locations or []) if found is not None else []
        if places and not _is_same(places[0], os.path.join(folder, name)):
            return os.path.dirname(places[0])
    return ""


def _say_why_not(error, here):
    """Says on stderr, in a menu and in the panel's place what is wrong. Needs nothing of ours."""
    import traceback

    reason = str(error) if isinstance(error, RuntimeError) else "%s: %s" % (type(error).__name__, error)
    if isinstance(error, ImportError) and "nuke_ai_panel" in str(error):
        reason = "A part of it is missing: %s." % error
    text = "AI Panel could not be added. Nuke itself is not affected. %s\n" % reason
    if not isinstance(error, RuntimeError):
        text += "\n" + traceback.format_exc()
        text += "\nTo find the cause, run in a terminal: python -m nuke_ai_panel doctor\n"
        text += "To install it again: nuke-ai-panel install --python %d.%d --target \"%s\"\n" % (
            sys.version_info[0], sys.version_info[1], here)
    sys.stderr.write(text)
    start = sys.modules.setdefault("_nuke_ai_panel_start", type(sys)("_nuke_ai_panel_start"))
    start.failure = text
    if getattr(start, "is_added", False):
        return  # the first copy's panel is there and works

    import nuke
    import nukescripts

    class Nothing(object):  # noqa: UP004
        def updateValue(self):
            pass

    def open_pane():
        try:
            from PySide6 import QtWidgets
        except ImportError:
            try:
                from PySide2 import QtWidgets
            except ImportError:
                return Nothing()  # there is nothing to show it with; stderr and the menu say it
        page = QtWidgets.QPlainTextEdit(start.failure)
        page.setReadOnly(True)
        page.updateValue = bool
        return page

    start.open_pane = open_pane
    if not nuke.env["hiero"]:
        for name, id in (("AI Panel", "com.nuke_ai_panel.chat"), ("AI Memory", "com.nuke_ai_panel.explorer")):
            nukescripts.registerWidgetAsPanel("__import__('_nuke_ai_panel_start').open_pane", name, id)
    nuke.menu("Nuke").addCommand("AI Panel/Why is there no panel?", lambda: nuke.message(start.failure))
    start.is_added = True


try:
    _start_nuke_ai_panel(os.path.dirname(os.path.abspath(__file__)))
except BaseException as _error:  # noqa: BLE001  (Nuke must start)
    try:
        _say_why_not(_error, os.path.dirname(os.path.abspath(__file__)))
    except BaseException:  # noqa: BLE001  (and say what it can)
        sys.stderr.write("AI Panel could not be added: %s\n" % _error)
