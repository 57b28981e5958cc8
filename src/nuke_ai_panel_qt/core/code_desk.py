"""The code of answers in one panel: checked when shown, run after a look and a click, undone, mended. Main thread.

Nothing is kept of what was to run but while its sheet is open: a panel that goes has refused. If the script is another
one by the time of the click, the artist is asked once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from nuke_ai_panel.core.request import TurnRequest
from nuke_ai_panel.messages import Attachment
from nuke_ai_panel.nk import NkSyntaxError, review, screen
from nuke_ai_panel.nk.api_names import Names
from nuke_ai_panel.nk.code_check import check_python
from nuke_ai_panel.nk.fences import CodeKind, code_kind
from nuke_ai_panel.store import new_id
from nuke_ai_panel.words import later, tr

from ..qt import QtCore, QtWidgets
from ..ui.code_book import CodeAction, CodeLine, CodeTools
from ..ui.node_links import node_of
from ..ui.safe_text import mixed_names, visible_code
from .host_door import Job, Ran, find_host

if TYPE_CHECKING:
    from .panel_manager import PanelManager

ACTIONS = frozenset({"insert_code", "run_code", "fix_code", "undo_code", "attach_result"})
MOST_FINDINGS = 4
# kind → (the button, its verb, what it is called, the tooltip)
_WORDS: Dict[CodeKind, Tuple[str, str, str, str]] = {
    "python": (later("Run"), later("Run"), "Python", later("Read it once more, then run it in Nuke as one undo step")),
    "nk": (later("Paste"), later("Paste"), later("Nodes"), later("Read it once more, then paste these nodes")),
    "tcl": (later("Run"), later("Run"), "Tcl", later("Read it once more, then run it in Nuke as Tcl")),
    "expression": (
        later("Set"), later("Set"), later("Expression"), later("Choose a knob of the selection for this expression")),
    "blink": (
        later("Compile"), later("Compile"), "BlinkScript",
        later("Read it once more, then put it into a BlinkScript node")),
}
_CHANGED = later("The script changed since this was shown. Look again, and press {verb} if it still fits.")


@dataclass(frozen=True)
class _Pending:
    job: Job
    language: str
    mark: str
    script: str


class CodeDesk:
    """One panel's."""

    def __init__(self, manager: PanelManager) -> None:
        self._manager = manager
        self._book = manager.panel.transcript.code_book
        self._wanted: List[Tuple[str, str]] = []
        self._pending: Optional[_Pending] = None
        self._ran: Dict[Tuple[str, str], Ran] = {}
        self._undone: Dict[Tuple[str, str], str] = {}
        self._later = QtCore.QTimer(manager)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._review)
        self._book.wanted.connect(self._want)
        sheet = manager.panel.run_sheet
        sheet.run_requested.connect(self._run)
        manager.panel.overlay.closed.connect(self._closed)

    # ------------------------------------------------------------ what is shown of a block

    def _want(self, text: str, language: str) -> None:
        self._wanted.append((text, language))
        self._later.start()

    def _review(self) -> None:
        wanted, self._wanted = self._wanted, []
        host = find_host()
        names = host.names() if host is not None and wanted else Names()
        for text, language in wanted:
            self._show(text, language, names)

    def _show(self, text: str, language: str, names: Optional[Names] = None) -> None:
        host, kind = find_host(), code_kind(language, text)
        if names is None:
            names = host.names() if host is not None else Names()
        actions = []
        if host is not None and kind:
            button = tr(_WORDS[kind][0])
            if kind in ("python", "tcl"):
                tip = tr("Insert in the Script Editor at its caret")
                actions.append(CodeAction("insert_code", tr("Insert"), "insert", tip))
            actions.append(CodeAction("run_code", button, "run", tr(_WORDS[kind][3])))
        ran = self._ran.get((text, language))
        if ran is not None:
            lines = _ran_lines(ran, self._undone.get((text, language), ""))
        else:
            lines = findings(kind, text, names)
        self._book.put(text, language, CodeTools(tuple(actions), lines))

    # ------------------------------------------------------------ clicks

    def act(self, action: str, message_id: str, text: str, language: str) -> None:
        """One click on a block."""
        if action == "run_code":
            self._open(message_id, text, language)
        elif action == "insert_code":
            self._insert(text)
        elif action == "fix_code":
            self._fix(text, language)
        elif action == "undo_code":
            self._undo(text, language)
        elif action == "attach_result":
            self._attach_result(text, language)

    def go_to(self, link: str) -> bool:
        """Selects the node of a link; False if it is another kind of link."""
        name = node_of(link)
        if not name:
            return False
        host = find_host()
        if host is None or not host.go_to(name):
            self._manager.panel.say(tr("There is no node {name} in this script", name=name))
            self._manager.context.show_nodes()
        return True

    def _insert(self, text: str) -> None:
        host = find_host()
        if host is not None and host.insert(text):
            self._manager.panel.say(tr("Inserted in the Script Editor"))
        else:
            QtWidgets.QApplication.clipboard().setText(text)
            self._manager.panel.say(tr("No Script Editor is open: copied instead"))

    def _open(self, message_id: str, text: str, language: str) -> None:
        host, kind = find_host(), code_kind(language, text)
        if host is None or not kind:
            return
        targets = host.targets() if kind == "expression" else ()
        if kind == "expression" and not targets:
            self._manager.panel.say(tr("Select the node that shall have this expression first"))
            return
        verb, called = tr(_WORDS[kind][1]), tr(_WORDS[kind][2])
        title = self._title(message_id)
        self._pending = _Pending(Job(kind, text, title), language, host.mark(), host.script_title())
        count = text.count("\n") + (not text.endswith("\n"))
        self._manager.panel.open_run_sheet()
        self._manager.panel.run_sheet.show_job(
            tr("{verb} in Nuke", verb=verb), text, verb=verb, targets=targets,
            lines=self._warnings(kind, text, host.names()),
            facts=tr("{called} · {count} line · in {script} · one undo step: “{title}”",
                     "{called} · {count} lines · in {script} · one undo step: “{title}”",
                     called=called, count=count, script=self._pending.script, title=title),
        )

    def _warnings(self, kind: CodeKind, text: str, names: Names) -> Tuple[CodeLine, ...]:
        hidden = [] if visible_code(text) == text else [CodeLine(
            tr("This holds characters that cannot be seen; they are written out below."))]
        if mixed_names(text):
            hidden.append(CodeLine(tr("Names mix letters of scripts that look alike; those are written out below.")))
        return (*hidden, *(replace(one, action="") for one in findings(kind, text, names)))

    def _title(self, message_id: str) -> str:
        answer = self._manager.shown.message(message_id)
        question = self._manager.shown.message(answer.parent_id or "") if answer is not None else None
        words = " ".join(question.text.split()) if question is not None else ""
        return tr("AI: {words}", words=words if len(words) <= 60 else words[:59] + '…') if words else "AI Panel"

    def _run(self, target: str) -> None:
        pending, host = self._pending, find_host()
        if pending is None or host is None:
            return
        mark = host.mark()
        if mark != pending.mark:
            script = host.script_title()
            verb = tr(_WORDS[pending.job.kind][1])
            told = tr(_CHANGED, verb=verb)
            if script != pending.script:
                told = tr("Another script is open now: {script}. Press {verb} if it is meant for that one.",
                          script=script, verb=verb)
            self._pending = replace(pending, mark=mark, script=script)
            lines = self._warnings(pending.job.kind, pending.job.text, host.names())
            self._manager.panel.run_sheet.warn((CodeLine(told), *lines))
            return
        self._pending = None
        self._manager.panel.close_overlay()
        ran = host.run(replace(pending.job, target=target))
        key = (pending.job.text, pending.language)
        self._ran[key] = ran
        self._undone.pop(key, None)
        self._show(*key)
        self._manager.context.show_nodes()

    def _closed(self) -> None:
        if not self._manager.panel.run_sheet.isVisible():
            self._pending = None

    def _undo(self, text: str, language: str) -> None:
        ran, host = self._ran.get((text, language)), find_host()
        if ran is None or host is None:
            return
        if host.undo(ran.undo_title):
            self._undone[(text, language)] = tr("Taken back.")
            self._show(text, language)
        else:
            self._manager.panel.say(tr("Something else was done since: use Edit > Undo in Nuke"))

    # ------------------------------------------------------------ asking about it

    def _attach_result(self, text: str, language: str) -> None:
        ran = self._ran.get((text, language))
        if ran is not None:
            self._manager.draft.attach(Attachment(new_id(), "text", "Run result", text=result_text(ran)))
            self._manager.panel.focus_composer()

    def _fix(self, text: str, language: str) -> None:
        ran = self._ran.get((text, language))
        kind, host = code_kind(language, text), find_host()
        names = host.names() if host is not None else Names()
        told = "\n".join(one.text for one in findings(kind, text, names, most=40)) if ran is None else result_text(ran)
        made = (
            Attachment(new_id(), "text", "Code", text=text),
            Attachment(new_id(), "text", "Findings" if ran is None else "Run result", text=told),
        )
        words = "This code would not work in Nuke: see the findings." if ran is None else \
            "This code failed in Nuke: see the result."
        question = f"{words} Give the whole corrected code, using only names that exist."
        manager = self._manager
        if manager.shown.run() is not None:
            manager.draft.put(question, (*manager.draft.attachments, *made))
        else:
            manager.start(TurnRequest(question, manager.models.choice(), attachments=made))


def findings(kind: CodeKind, text: str, names: Names, most: int = MOST_FINDINGS) -> Tuple[CodeLine, ...]:
    """What is wrong or dangerous about code, as lines; the first one offers to have it mended."""
    if kind == "python":
        told = [_at(one.line, "", one.sentence) for one in check_python(text, names)]
    elif kind == "nk":
        told = _screened(text)
    else:
        told = []
    lines = [CodeLine(one) for one in told[:most]]
    if len(told) > most:
        lines.append(CodeLine(tr("and {count} more", count=len(told) - most)))
    if lines:
        lines[0] = replace(lines[0], action="fix_code")
    return tuple(lines)


def _screened(text: str) -> List[str]:
    try:
        found = [_at(one.line, one.node, tr("Nuke would run this: {why}", why=one.why)) for one in screen(text)]
        return found + [_at(one.line, one.node, one.why) for one in review(text)]
    except NkSyntaxError as error:
        return [tr("These nodes cannot be read: {error}", error=error)]


def _at(line: int, node: str, sentence: str) -> str:
    return tr("Line {line}: {sentence}", line=line, sentence=f"{node}: {sentence}" if node else sentence)


def _ran_lines(ran: Ran, undone: str) -> Tuple[CodeLine, ...]:
    if undone:
        return (CodeLine(undone, "undo", "dim"),)
    if not ran.is_ok:
        failed = tr("{error} (line {line}). Nothing was changed.", error=ran.error, line=ran.line) if ran.line else \
            tr("{error}. Nothing was changed.", error=ran.error)
        lines = [CodeLine(failed, "error", "error", "fix_code")]
        lines.append(CodeLine(tr("The traceback and what was printed"), "text", "dim", "attach_result"))
        return tuple(lines)
    made = tr(", {count} node made", ", {count} nodes made", count=len(ran.made)) if ran.made else ""
    names = f": {', '.join(ran.made[:4])}{' …' if len(ran.made) > 4 else ''}" if ran.made else ""
    undo = "undo_code" if ran.undo_title else ""
    time = tr("{seconds:.1f} s", seconds=ran.seconds) if ran.seconds >= 1 else \
        tr("{ms} ms", ms=max(1, round(ran.seconds * 1000)))
    done = CodeLine(tr("Ran in {time}{made}{names}", time=time, made=made, names=names), "check", "connected", undo)
    if not ran.output.strip():
        return (done,)
    first = ran.output.strip().split("\n")
    shown = first[0] if len(first[0]) <= 120 else first[0][:119] + "…"
    printed = tr("Printed: {shown}", shown=shown) if len(first) == 1 else tr(
        "Printed: {shown} (and {count} more line)", "Printed: {shown} (and {count} more lines)", shown=shown,
        count=len(first) - 1)
    return done, CodeLine(printed, "text", "dim", "attach_result")


def result_text(ran: Ran) -> str:
    """How a run went, for a model."""
    parts = ["It ran." if ran.is_ok else f"It failed and everything was taken back: {ran.error}"]
    if ran.made:
        parts.append(f"Nodes made: {', '.join(ran.made)}")
    if ran.output:
        parts.append(f"Printed:\n{ran.output.rstrip()}")
    if ran.trace:
        parts.append(ran.trace.rstrip())
    return "\n\n".join(parts)
