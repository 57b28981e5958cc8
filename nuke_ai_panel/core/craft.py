"""What can be done with a conversation besides asking: another system prompt, a copy from a message on. Loop thread.

Everything adds to the tree; nothing that was said is changed or removed. Each function is a coroutine for the
background loop and ends when the disk has it. They raise StoreError.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

from ..errors import StoreError
from ..messages import Conversation, Message
from ..store.ids import new_id
from ..words import tr
from .journal import acknowledged
from .marks import is_system_mark, summary_mark, system_mark, system_of

if TYPE_CHECKING:
    from ..store import Store


async def change_system(store: Store, conversation_id: str, text: str) -> Optional[Message]:
    """Makes `text` the system prompt from here on; empty is none.

    Answers with the mark that now stands in the path, None where none is needed: before the first question, and
    where the prompt is what it was before.
    """
    conversation = await acknowledged(store.conversation(conversation_id))
    if conversation is None:
        raise _gone(conversation_id)
    path = await acknowledged(store.path(conversation_id))
    last = path[-1] if path else None
    if last is not None and is_system_mark(last):
        before = system_of(path[:-1], conversation.system) or ""
        if text == before:
            await acknowledged(store.delete_message(last.id))
            return None
        changed = replace(last, text=text)
        await acknowledged(store.update_message(changed))
        return changed
    if text == (system_of(path, conversation.system) or ""):
        return None
    if last is None:
        await acknowledged(store.update_conversation(conversation_id, system=text))
        return None
    mark = system_mark(conversation_id, last.id, text)
    await acknowledged(store.add_message(mark))
    return mark


async def fork(
    store: Store, conversation_id: str, message_id: str, *, id: Optional[str] = None
) -> Conversation:
    """A new conversation with everything up to that message: words, attachments, answers, in this branch alone."""
    source = await acknowledged(store.conversation(conversation_id))
    if source is None:
        raise _gone(conversation_id)
    path = await acknowledged(store.path(conversation_id, leaf_id=message_id))
    if not path or path[-1].id != message_id:
        raise StoreError(f"no message {message_id}", user_text=tr("This message no longer exists."))
    copied = await _begin(
        store, source, tr("{title} (fork)", title=source.title or tr("Conversation")), source.system, message_id, id=id,
    )
    await _copy(store, path, copied.id)
    return copied


async def begin_from_summary(
    store: Store, conversation_id: str, summary: str, *, provider: Optional[str] = None, model: Optional[str] = None,
    id: Optional[str] = None,
) -> Conversation:
    """A new conversation that begins with the summary of another, which stays as it is."""
    source = await acknowledged(store.conversation(conversation_id))
    if source is None:
        raise _gone(conversation_id)
    path = await acknowledged(store.path(conversation_id))
    title = tr("{title} (continued)", title=source.title or tr("Conversation"))
    begun = await _begin(
        store, source, title, system_of(path, source.system),
        path[-1].id if path else None, id=id,
    )
    await acknowledged(store.add_message(summary_mark(begun.id, None, summary, provider=provider, model=model)))
    return begun


async def add_summary(
    store: Store, conversation_id: str, after_id: str, summary: str, *, provider: Optional[str] = None,
    model: Optional[str] = None,
) -> Message:
    """Puts a summary after a message: from there on it is sent instead of everything above."""
    mark = summary_mark(conversation_id, after_id, summary, provider=provider, model=model)
    await acknowledged(store.add_message(mark))
    return mark


async def _begin(
    store: Store, source: Conversation, title: str, system: Optional[str], message_id: Optional[str], *,
    id: Optional[str],
) -> Conversation:
    id = id or new_id()
    if store.is_temporary(source.id):
        store.keep_in_memory(id)
    begun = await acknowledged(store.create_conversation(
        id=id, kind="chat", title=title, provider=source.provider, model=source.model, system=system,
        project=source.project, script=source.script, tags=source.tags, source_id=source.id,
        source_message_id=message_id,
    ))
    await acknowledged(store.update_conversation(id, title_is_manual=source.title_is_manual))
    return begun


async def _copy(store: Store, path: Sequence[Message], conversation_id: str) -> None:
    ids: Dict[str, str] = {one.id: new_id() for one in path}
    writes = []
    for one in path:
        attachments = tuple(replace(each, id=new_id()) for each in one.attachments)
        status = "interrupted" if one.status == "streaming" else one.status
        writes.append(store.add_message(replace(
            one, id=ids[one.id], conversation_id=conversation_id, attachments=attachments, status=status,
            parent_id=ids.get(one.parent_id or ""),
        )))
    failures: List[StoreError] = []
    for write in writes:
        try:
            await acknowledged(write)
        except StoreError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _gone(conversation_id: str) -> StoreError:
    return StoreError(
        f"no conversation {conversation_id}", code="unknown_conversation",
        user_text=tr("This conversation is not in the chat history any more."),
    )
