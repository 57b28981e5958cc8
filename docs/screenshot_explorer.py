"""The states of the memory explorer that `screenshots.py` renders, over a history of some weeks."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Tuple
from unittest import mock

from nuke_ai_panel.messages import Message, Usage
from nuke_ai_panel.store import reader
from nuke_ai_panel.store.ids import new_id
from nuke_ai_panel.store.salvage import notice_of
from nuke_ai_panel.store.values import Salvage

TIMEOUT_S = 15.0
DAY_S = 86_400.0
CODER, CLAUDE = ("ollama", "qwen2.5-coder:7b"), ("openrouter", "anthropic/claude-sonnet-4.5")
SCRIPT = "/shows/atlas/sh0140/comp/sh0140_comp_v012.nk"
# (title, days ago, question, answer, model, tags, pinned)
TALKS: Tuple[Tuple[str, float, str, str, Tuple[str, str], Tuple[str, ...], bool], ...] = (
    ("Keying the hair on sh0140", 0.01, "Why is my despill eating the edge of the hair?",
     "The matte is clipped before the merge, so the despill has nothing left to work with at the edge.", CODER,
     ("keying", "sh0140"), True),
    ("Slow render on the farm", 0.08, "The farm takes twice as long as my machine.",
     "The ZDefocus reads the whole bounding box. Crop before it, and look at the despill too.", CODER, (), False),
    ("Lens distortion gizmo", 1.1, "Write a gizmo for lens distortion",
     "```python\nnode = nuke.createNode('LensDistortion')\n```", CLAUDE, ("tools",), False),
    ("Explain STMaps", 1.3, "What is in the red channel of an STMap?",
     "Red holds where each pixel's colour comes from, from 0 at the left to 1 at the right.", CLAUDE, (), False),
    ("Roto edges flicker on sh0210", 3.2, "My roto edges flicker.", "Turn on motion blur for the roto and feather "
     "a little more; the despill is not to blame.", CODER, ("roto",), False),
    ("Grain match", 6.4, "Does grain go before or after the grade?",
     "After it: grain is the camera's, not the light's.", CODER, (), False),
    ("Deep comp and holdouts", 12.5, "How do I hold out a deep image?",
     "DeepMerge in holdout mode.", CLAUDE, (), False),
    ("Python panel with a table", 26.0, "A panel with a table of all reads, please.", "Use QTableWidget in a panel.",
     CLAUDE, ("tools", "python"), False),
)


def fill(stage: Any) -> None:  # Any: a Stage
    """Stores the talks as if they had been held then."""
    store, now = stage.session.app.store, time.time()
    for title, days, question, answer, (provider, model), tags, pinned in reversed(TALKS):
        talk = store.create_conversation(
            title=title, provider=provider, model=model, tags=tags, script=SCRIPT if days < 4 else None
        ).result(TIMEOUT_S)
        cost = 0.0184 if provider == "openrouter" else None
        parent = None
        for number in range(1 + int(days) % 3):
            asked = Message(new_id(), talk.id, parent, "user", question, created_at=now - days * DAY_S + number)
            said = Message(
                new_id(), talk.id, asked.id, "assistant", answer, created_at=now - days * DAY_S + number + 0.5,
                provider=provider, model=model, usage=Usage(input=1840, output=412, total=2252, cost_usd=cost),
            )
            for message in (asked, said):
                store.add_message(message).result(TIMEOUT_S)
            parent = said.id
        store.change_conversations([talk.id], pinned=pinned).result(TIMEOUT_S)
        # The clock of a conversation is its last message's; there is no other way to have been there last week.
        moment = now - days * DAY_S
        store._worker.submit(
            lambda db, moment=moment, id=talk.id: db.connection.execute(
                "UPDATE conversations SET updated_at = ? WHERE id = ?", (moment, id)), writes=True
        ).result(TIMEOUT_S)
    store.build_index().result(TIMEOUT_S)
    stage.session.refresh_conversations()
    stage.until(lambda: len(stage.session.conversations) >= len(TALKS))


def explorer(stage: Any) -> Any:
    """The explorer over the panel; answers with it."""
    stage.choose(CODER[1])
    fill(stage)
    stage.panel.run("explorer")
    view = stage.manager.explorer.view
    stage.until(lambda: view.list.rows.shown)
    stage.turn(0.3)
    return view


def search(stage: Any) -> None:
    view = explorer(stage)
    view.query.setText("despill")
    stage.until(lambda: view.list.rows.shown and view.list.rows.shown[0].highlights)
    view.list.setFocus()
    stage.turn(0.2)


def filters(stage: Any) -> None:
    view = explorer(stage)
    wanted = type(view.filters.filters)
    view.filters.choose(wanted(provider="openrouter", date="30 days", tags=("tools",), has_code=True))
    stage.until(lambda: len(view.list.rows.shown) == 1)


def filter_menu(stage: Any) -> None:
    view = explorer(stage)
    menu = view.filters.menu()
    # Drawn into the panel: a window of its own is in no picture of it.
    menu.setParent(stage.widget)
    menu.move(view.filters.button.mapTo(stage.widget, view.filters.button.rect().bottomLeft()))
    menu.resize(menu.sizeHint())
    menu.show()


def selection(stage: Any) -> None:
    view = explorer(stage)
    view.list.setFocus()
    view.list.select([row.id for row in view.list.rows.shown[:3]], view.list.rows.shown[2].id)


def deleted(stage: Any) -> None:
    selection(stage)
    view = stage.manager.explorer.view
    view.selection.delete.click()
    stage.until(lambda: view.toast.isVisible() and len(view.list.rows.shown) == len(TALKS) - 3)


def recent(stage: Any) -> None:
    view = explorer(stage)
    view.pages["recent"].click()
    stage.until(lambda: view.list.rows.shown and view.list.rows.shown[0].message_id)


def use(stage: Any) -> None:
    view = explorer(stage)
    view.pages["use"].click()
    stage.until(lambda: view.use.page() is not None)


def use_cost(stage: Any) -> None:
    use(stage)
    stage.manager.explorer.view.use.sums["cost"].click()


def no_hits(stage: Any) -> None:
    view = explorer(stage)
    view.query.setText("zdefocus bokeh")
    stage.until(lambda: view.empty.text() and not view.list.rows.shown)


def nothing(stage: Any) -> None:
    stage.choose(CODER[1])
    stage.panel.run("explorer")
    stage.until(lambda: stage.manager.explorer.view.empty.text())


def without_index(stage: Any) -> None:
    stage.later.enter_context(mock.patch.object(reader, "has_full_text", lambda: False))
    view = explorer(stage)
    view.query.setText("despill")
    stage.until(lambda: view.note.text())


def hostile(stage: Any) -> None:
    store = stage.session.app.store
    talk = store.create_conversation(title="<img src=file:///etc/passwd> & <b>bold</b> \u202etxt.exe").result(TIMEOUT_S)
    text = "مرحبا بالعالم، كيف أصلح حافة الشعر؟ <script>alert(1)</script>"
    store.add_message(Message(new_id(), talk.id, None, "user", text, created_at=time.time())).result(TIMEOUT_S)
    explorer(stage)


def damaged(stage: Any) -> None:
    explorer(stage)
    stage.panel.close_overlay()
    stage.manager.show_notice(notice_of(Salvage(
        quarantine="/home/mia/.local/share/nuke-ai-panel/quarantine/history-20261121T090112.db", conversations=211,
        messages=4_870, read=4_722, recovered=36, from_backup=112, backup="history-20261121T083000000Z-auto.db", lost=2,
    )))


def backups(stage: Any) -> None:
    explorer(stage)
    store = stage.session.app.store
    for why in ("auto", "auto", "manual"):
        store.back_up(why=why).result(TIMEOUT_S)
    stage.panel.close_overlay()
    stage.panel.run("backups")
    sheet = stage.manager.backups.view
    stage.until(lambda: len(sheet.rows) == 3)


def restored(stage: Any) -> None:
    backups(stage)
    sheet = stage.manager.backups.view
    sheet.rows[1].restore.click()
    stage.until(lambda: len(sheet.rows) == 4 and sheet.keep.isVisible())


EXPLORER_STATES: Dict[str, Callable[[Any], None]] = {
    "explorer": explorer, "explorer-search": search, "explorer-filters": filters, "explorer-filter-menu": filter_menu,
    "explorer-selection": selection, "explorer-deleted": deleted, "explorer-recent": recent, "explorer-use": use,
    "explorer-use-cost": use_cost, "explorer-no-hits": no_hits, "explorer-empty": nothing,
    "explorer-no-index": without_index, "explorer-hostile": hostile,
    "history-damaged": damaged, "backups": backups, "backups-restored": restored,
}
