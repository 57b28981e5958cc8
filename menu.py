"""Runs when Nuke starts with its interface: adds the panel. Guarded so that Nuke always starts."""

try:
    import nuke_ai_panel_qt

    nuke_ai_panel_qt.install()
except Exception:  # noqa: BLE001  (Nuke must start)
    import sys
    import traceback

    sys.stderr.write("Nuke AI Panel could not be added. Nuke itself is not affected. The cause:\n")
    traceback.print_exc()
