"""What each command of a panel's menus and shortcuts calls. Main thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Callable, Dict

from .main_loop import stop_script

if TYPE_CHECKING:
    from .panel_manager import PanelManager


def run_command(manager: PanelManager, command: str) -> None:
    """Does what a command says; one that is nobody's is the panel's own."""
    run = _commands_of(manager).get(command)
    if run is not None:
        run()


def _commands_of(manager: PanelManager) -> Dict[str, Callable[[], None]]:
    actions, commands, files, models = manager.actions, manager.commands, manager.files, manager.models
    return {
        "new": manager.new_conversation, "delete": commands.delete, "temporary": commands.begin_temporary,
        "fork": commands.fork, "attach": manager.attach, "system": manager.system.open, "prompts": manager.prompts.open,
        "pick_model": models.open_picker, "next_favourite": models.next_favourite,
        "refresh_models": models.refresh_models, "answer_options": manager.answers.open,
        "settings": manager.settings.open, "ledger": manager.ledger.open, "backups": manager.backups.open,
        "explorer": manager.explorer.open, "batch": manager.batch.open,
        "copy_markdown": files.copy_markdown, "import_json": files.ask_import,
        **{f"export_{kind}": partial(files.export, kind) for kind in ("markdown", "html", "json")},
        "allow": manager.approvals.allow, "deny": manager.approvals.deny, "stop_script": stop_script,
        "regenerate": actions.regenerate_last, "copy_reply": actions.copy_reply, "read_reply": actions.read_reply,
        "copy_code": actions.copy_code, "previous_prompt": actions.previous_prompt,
        "next_prompt": actions.next_prompt, **manager.trouble.commands,
    }
