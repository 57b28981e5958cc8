"""Runs at every start of Nuke, GUI, terminal and render child: puts the product at the end of Python's path.

Nothing else happens here, and nothing here may raise: a failing init.py breaks the artist's session. It is plain enough
for every Python that a Nuke ever had, because menu.py must live to say that one is too old. A second copy of the
product leaves the path as it is; menu.py and the doctor say where the first one lies.
"""
# ruff: noqa: UP031  (written for Pythons that Nuke had long ago)

import os
import sys


def _put_nuke_ai_panel_on_path(here):
    name = "_nuke_ai_panel_start"
    start = sys.modules.get(name)
    if start is None:
        start = sys.modules[name] = type(sys)(name)
        start.here, start.others, start.failure = here, [], ""
    elif os.path.normcase(os.path.realpath(start.here)) != os.path.normcase(os.path.realpath(here)):
        if here not in start.others:
            start.others.append(here)
        return
    machine = os.uname()[4] if hasattr(os, "uname") else "AMD64"
    packages = "py%d.%d-%s-%s" % (sys.version_info[0], sys.version_info[1], sys.platform, machine)
    for path in (here, os.path.join(here, "src"), os.path.join(here, "packages", packages)):
        if path not in sys.path and os.path.isdir(path):
            sys.path.append(path)


try:
    _put_nuke_ai_panel_on_path(os.path.dirname(os.path.abspath(__file__)))
except Exception:  # noqa: BLE001  (Nuke must start)
    pass
