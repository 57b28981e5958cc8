"""Every command that has keys, and the keys it comes with. Plain values: the pages of docs are made from them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Binding:
    """One command and its keys; `group` is its heading in the sheet."""

    command: str
    keys: Tuple[str, ...]
    sentence: str
    group: str


BINDINGS: Tuple[Binding, ...] = (
    Binding("new", ("Ctrl+N",), "New conversation", "Conversations"),
    Binding("explorer", ("Ctrl+K",), "Memory: search all chats, put them in order, see their use", "Conversations"),
    Binding("list", ("Ctrl+Shift+K",), "Show or hide the conversations", "Conversations"),
    Binding("rename", ("F2",), "Rename this conversation", "Conversations"),
    Binding("find", ("Ctrl+F",), "Find in this conversation", "Conversations"),
    Binding("find_next", ("F3",), "Next hit", "Conversations"),
    Binding("find_previous", ("Shift+F3",), "Previous hit", "Conversations"),
    Binding("pick_model", ("Ctrl+Shift+M",), "Choose the model", "Models"),
    Binding("next_favourite", ("Alt+L",), "Next favourite model", "Models"),
    Binding("stop", ("Esc",), "Close what is open, else stop the answer", "Answers"),
    Binding("regenerate", ("Ctrl+R",), "Answer the last question again", "Answers"),
    Binding("copy_reply", ("Ctrl+Shift+C",), "Copy the last answer", "Answers"),
    Binding("read_reply", ("Ctrl+Shift+R",), "Read the last answer as plain text", "Answers"),
    Binding("copy_code", ("Ctrl+Shift+X",), "Copy the last code block", "Answers"),
    Binding("previous_prompt", ("Ctrl+Alt+Up",), "Previous question in the transcript", "Answers"),
    Binding("next_prompt", ("Ctrl+Alt+Down",), "Next question in the transcript", "Answers"),
    Binding("answer_options", ("Ctrl+Shift+P",), "Options of the answers in this conversation", "Answers"),
    Binding("system", ("Ctrl+Shift+I",), "System prompt and presets of this conversation", "Answers"),
    Binding("prompts", ("Ctrl+Shift+L",), "Prompt library (or / at the beginning of a question)", "Composer"),
    Binding("attach", ("Ctrl+Shift+A",), "Attach a file", "Composer"),
    Binding("recall_previous", ("Ctrl+Up",), "Recall what you sent before", "Composer"),
    Binding("recall_next", ("Ctrl+Down",), "Recall what you sent after it", "Composer"),
    Binding("paste_raw", ("Ctrl+Shift+V",), "Paste as text, however long", "Composer"),
    Binding("composer", ("Ctrl+L",), "Go to the composer", "Composer"),
    Binding("zoom_in", ("Ctrl+=", "Ctrl++"), "Larger text (or Ctrl and the wheel)", "View"),
    Binding("zoom_out", ("Ctrl+-",), "Smaller text", "View"),
    Binding("zoom_reset", ("Ctrl+0",), "Normal text", "View"),
    Binding("settings", ("Ctrl+,",), "Settings: providers, keys, answers, keyboard", "View"),
    Binding("help", ("F1", "Ctrl+/"), "This sheet", "View"),
)
# Keys that the composer itself answers to; a setting decides between Enter and Ctrl+Enter.
COMPOSER_KEYS: Tuple[Tuple[str, str], ...] = (
    ("Enter", "Send; while an answer runs, queue"),
    ("Shift+Enter", "New line"),
    ("Up on the first line", "Recall what you sent"),
)
CONTROL_SENDS_KEYS: Tuple[Tuple[str, str], ...] = (
    ("Ctrl+Enter", COMPOSER_KEYS[0][1]), ("Enter or Shift+Enter", COMPOSER_KEYS[1][1]), *COMPOSER_KEYS[2:],
)
