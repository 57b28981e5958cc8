"""Finding messages: words, phrases, prefixes, filters, pages, without an index, while it is being built, cancelled."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from concurrent.futures import CancelledError
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuke_ai_panel.errors import StoreError
from nuke_ai_panel.messages import Attachment, ErrorInfo, Message, Timings, ToolCall, Usage
from nuke_ai_panel.store import HistoryFilter, Store, new_id, reader
from nuke_ai_panel.store.search_index import index_path
from nuke_ai_panel.store.search_words import indexed, parse, spans

from .store_kit import WAIT_S, new_conversation, said, talk

TEXTS = {
    "node": "Connect a Merge node, then früher rendern.",
    "code": "Use this:\n```python\nnuke.knobDefault('Write.file_type')\n```",
    "cjk": "日本語でノードを接続する",
    "sql": "'; DROP TABLE messages; -- NEAR(\"x\") OR * ^",
    "long": "filler " * 3000 + "needle at the end",
}


@pytest.fixture(params=["full-text", "reading"])
def store(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The same history searched through the index and, as on a SQLite without FTS5, by reading."""
    if request.param == "reading":
        monkeypatch.setattr(reader, "has_full_text", lambda: False)
    opened = Store(tmp_path / "history.db")
    yield opened
    opened.close(WAIT_S)


@pytest.fixture
def named(store: Store) -> Dict[str, str]:
    """Message id → what it is called here."""
    conversation_id = new_conversation(store, "Every text")
    messages = talk(store, conversation_id, *TEXTS.values())
    return dict(zip([one.id for one in messages], TEXTS))


@pytest.mark.parametrize(("query", "found"), [
    ("merge", ["node"]), ("MERGE node", ["node"]), ('"merge node"', ["node"]), ('"node merge"', []),
    ("fruher", ["node"]), ("FRÜHER", ["node"]), ("rend*", ["node"]), ("rend", []), ("node -merge", []),
    ("knobdefault", ["code"]), ("file_type", ["code"]), ("nuke.knobDefault", ["code"]), ("接続", ["cjk"]),
    ("ノード", ["cjk"]), ("続接", []), ("drop table", ["sql"]), ('NEAR("x")', ["sql"]), ("needle", ["long"]),
    ("'", ["sql", "code"]), ("^", ["sql"]), ("", []), ("   ", []), ('"', ["sql"]), ("a OR b", []), ("merge AND", []),
    ("text:merge", []), ("-", ["sql"]), ("*", ["sql"]),
])
def test_words_phrases_prefixes_and_signs_find_what_they_say(
    store: Store, named: Dict[str, str], query: str, found: List[str]
) -> None:
    page = store.search(query).result(WAIT_S)
    hits = [named[hit.message_id] for hit in page.hits if hit.message_id]
    assert hits == found
    for hit in page.hits:
        assert hit.highlights and all(0 <= start < end <= len(hit.snippet) for start, end in hit.highlights)


def test_without_full_text_search_it_says_so(store: Store, named: Dict[str, str]) -> None:
    page = store.search("merge").result(WAIT_S)
    assert page.is_slow is not store.has_full_text() and bool(page.note) is page.is_slow


def test_the_last_word_may_go_on_while_it_is_typed(store: Store, named: Dict[str, str]) -> None:
    assert [named[str(hit.message_id)] for hit in store.search("conn", as_typed=True).result(WAIT_S).hits] == ["node"]
    assert store.search("conn ", as_typed=True).result(WAIT_S).hits == ()


def test_a_hit_carries_what_a_list_shows(store: Store, named: Dict[str, str]) -> None:
    hit = store.search("rendern").result(WAIT_S).hits[0]
    (start, end), = hit.highlights
    assert (hit.snippet[start:end], hit.title, hit.role) == ("rendern", "Every text", "user")


def test_pages_follow_each_other_without_gap_or_repetition(store: Store) -> None:
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, *(f"apple {number}" for number in range(70)))
    seen: List[str] = []
    cursor = None
    for _ in range(20):
        page = store.search("apple", limit=9, cursor=cursor).result(WAIT_S)
        seen += [str(hit.message_id) for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [one.id for one in reversed(messages)]


def test_filters_narrow_a_search_and_a_list(store: Store) -> None:
    chat = store.create_conversation(
        title="chat", provider="ollama", model="llama3", script="/a.nk", project="show", tags=["roto"]
    ).result(WAIT_S).id
    batch = store.create_conversation(kind="batch", title="batch", run_id="run-1").result(WAIT_S).id
    question = replace(said(chat, "apple question"), created_at=1000.0)
    answer = replace(said(chat, "apple ```code```", after=question, role="assistant"), provider="ollama",
                     model="llama3", created_at=2000.0)
    other = replace(said(chat, "apple other", after=question, role="assistant"), provider="openai", model="gpt",
                    error=ErrorInfo("network", "cut"), status="failed", created_at=3000.0)
    for message in (question, answer, other, said(batch, "apple batch")):
        store.add_message(message).result(WAIT_S)
    store.change_conversations([batch], archived=True).result(WAIT_S)

    def found(**asked: object) -> List[str]:
        wanted = HistoryFilter(**{"kinds": (), **asked})  # type: ignore[arg-type]  # a test's table
        return sorted(hit.snippet for hit in store.search("apple", wanted).result(WAIT_S).hits)

    assert found(kinds=("batch",)) == [] and found(kinds=("batch",), archived=True) == ["apple batch"]
    assert found(provider="openai") == ["apple other", "apple question"]
    assert found(model="llama3") == ["apple ```code```", "apple question"]
    assert found(has_code=True) == ["apple ```code```"] and found(has_error=True) == ["apple other"]
    assert found(since=1500.0, until=2500.0) == ["apple ```code```"]
    assert found(tags=("roto",), script="/a.nk", project="show") == found()
    assert found(tags=("none",)) == found(run_id="run-2") == found(pinned=True) == []

    def listed(**asked: object) -> List[str]:
        wanted = HistoryFilter(**{"kinds": (), "archived": None, **asked})  # type: ignore[arg-type]  # a test's table
        names = [one.title for one in store.conversations(wanted=wanted).result(WAIT_S)]
        assert store.count(wanted).result(WAIT_S) == len(names)
        return names

    assert listed(provider="openai") == listed(has_code=True) == listed(has_error=True) == listed(tags=("roto",)) == [
        "chat"]
    assert listed(run_id="run-1") == listed(archived=True) == listed(has_code=False) == ["batch"]
    assert [one.title for one in store.conversations().result(WAIT_S)] == ["chat"]
    assert store.tags().result(WAIT_S) == [("roto", 1)]


def test_what_changes_is_found_as_it_is_now(store: Store) -> None:
    conversation_id = new_conversation(store, "Old title")
    answer = said(conversation_id, "first words", role="assistant", status="streaming")
    store.add_message(answer).result(WAIT_S)
    assert not store.has_full_text() or store.search("first").result(WAIT_S).hits == ()
    store.update_message(replace(answer, text="first words", status="complete")).result(WAIT_S)
    assert len(store.search("first").result(WAIT_S).hits) == 1
    store.update_message(replace(answer, text="second words", status="complete")).result(WAIT_S)
    assert store.search("first").result(WAIT_S).hits == () and len(store.search("second").result(WAIT_S).hits) == 1
    store.update_conversation(conversation_id, title="Quite another", title_is_manual=True).result(WAIT_S)
    if store.has_full_text():
        assert [hit.message_id for hit in store.search("another").result(WAIT_S).hits] == [None]
        assert store.search("Old").result(WAIT_S).hits == ()
    store.delete_message(answer.id).result(WAIT_S)
    assert store.search("second").result(WAIT_S).hits == ()
    store.restore_message(answer.id).result(WAIT_S)
    assert len(store.search("second").result(WAIT_S).hits) == 1
    store.delete_conversation(conversation_id).result(WAIT_S)
    assert store.search("second").result(WAIT_S).hits == ()


def test_another_sessions_messages_are_found(store: Store) -> None:
    other = Store(store.file)
    talk(other, new_conversation(other), "from the other one")
    assert len(store.search("other").result(WAIT_S).hits) == 1
    assert len(other.search("other").result(WAIT_S).hits) == 1
    other.close(WAIT_S)


def test_an_index_that_is_damaged_or_gone_is_built_anew(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.db")
    talk(store, new_conversation(store), *(f"apple {number}" for number in range(300)))
    store.build_index().result(WAIT_S)
    store.close(WAIT_S)
    for damage in (b"\xaa" * 5000, b"not a database at all" * 500, b""):
        file = index_path(store.file)
        file.write_bytes(file.read_bytes()[:4096] + damage if damage[:1] == b"\xaa" else damage)
        again = Store(store.file)
        assert len(again.search("apple", limit=500).result(WAIT_S).hits) == 300
        assert again.trouble is None
        again.close(WAIT_S)


def test_a_history_that_may_only_be_read_is_searched_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    store = Store(path)
    talk(store, new_conversation(store), "an apple", "a pear")
    store.close(WAIT_S)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    newer = Store(path)
    page = newer.search("apple").result(WAIT_S)
    assert len(page.hits) == 1 and page.is_slow and page.note
    assert newer.statistics().result(WAIT_S).total.messages == 2
    newer.close(WAIT_S)


def test_a_history_in_memory_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "history.db")
    talk(store, new_conversation(store), "an apple", "a pear")
    assert len(store.search("apple").result(WAIT_S).hits) == 1
    assert store.statistics().result(WAIT_S).total.messages == 2
    store.close(WAIT_S)


def test_a_search_can_be_cancelled_and_the_next_one_answers(store: Store, named: Dict[str, str]) -> None:
    futures = [store.search("merge") for _ in range(50)]
    for future in futures:
        future.cancel()
    for future in futures:
        with pytest.raises(CancelledError):
            future.result(WAIT_S)
    assert len(store.search("merge").result(WAIT_S).hits) == 1


def test_a_search_whose_time_is_up_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "has_full_text", lambda: False)
    store = Store(tmp_path / "history.db")
    conversation_id = new_conversation(store)
    for future in [store.add_message(said(conversation_id, f"apple {number}")) for number in range(2500)]:
        future.result(WAIT_S)
    page = store.search("nothing", time_s=0.0).result(WAIT_S)
    assert not page.is_complete and page.cursor is not None
    rest = store.search("apple", cursor=page.cursor, limit=5000, time_s=60).result(WAIT_S)
    assert rest.is_complete and len(rest.hits) == 1500
    store.close(WAIT_S)


def test_storing_does_not_wait_for_a_search(store: Store) -> None:
    conversation_id = new_conversation(store)
    for future in [store.add_message(said(conversation_id, f"apple {n} " * 20)) for n in range(2000)]:
        future.result(WAIT_S)
    store.build_index().result(WAIT_S)
    over = threading.Event()

    def search() -> None:
        while not over.is_set():
            store.search("apple").result(WAIT_S)

    thread = threading.Thread(target=search)
    thread.start()
    took = []
    for _ in range(20):
        begun = time.monotonic()
        store.add_message(said(conversation_id, "more"), select=False).result(WAIT_S)
        took.append(time.monotonic() - begun)
    over.set()
    thread.join()
    assert sorted(took)[10] < 0.2


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=60), query=st.text(max_size=20))
def test_no_query_is_wrong_and_the_index_agrees_with_reading(text: str, query: str) -> None:
    asked = parse(query)
    if not asked.terms:
        return
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE w USING fts5(b, tokenize='unicode61 remove_diacritics 0')")
        connection.execute("INSERT INTO w VALUES (?)", (indexed(text).encode("utf-8", "replace").decode(),))
        found = connection.execute("SELECT 1 FROM w WHERE w MATCH ?", (
            asked.fts().encode("utf-8", "replace").decode(),)).fetchone() is not None
    if spans(text, asked) is not None and text.isascii():
        assert found


# ------------------------------------------------------------ find, statistics, out and in


def test_find_looks_through_the_whole_path(store: Store) -> None:
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, *(f"text {number}" for number in range(200)), "The Needle, a needle")
    found = store.find(conversation_id, "needle").result(WAIT_S)
    assert [(one.message_id, one.position, one.spans) for one in found] == [
        (messages[-1].id, 200, ((4, 10), (14, 20)))]
    assert store.find(conversation_id, "text 3").result(WAIT_S)[0].message_id == messages[3].id


def test_a_path_is_read_page_by_page_from_its_end(store: Store) -> None:
    conversation_id = new_conversation(store)
    messages = talk(store, conversation_id, *(str(number) for number in range(120)))
    newest = store.path(conversation_id, limit=50).result(WAIT_S)
    older = store.path(conversation_id, limit=50, before=newest[0].id).result(WAIT_S)
    first = store.path(conversation_id, limit=50, before=older[0].id).result(WAIT_S)
    assert first + older + newest == messages and len(first) == 20
    assert store.path(conversation_id, limit=50, before=messages[0].id).result(WAIT_S) == []
    with pytest.raises(StoreError):
        store.path(conversation_id, before="nobody").result(WAIT_S)


def test_statistics_add_up_by_day_model_provider_and_script(store: Store) -> None:
    chat = store.create_conversation(script="/a.nk").result(WAIT_S).id
    question = replace(said(chat, "q"), created_at=1_700_000_000.0)
    answers = [
        replace(said(chat, "a", after=question, role="assistant"), provider="ollama", model="llama3",
                created_at=1_700_000_000.0 + day * 86_400, usage=usage)
        for day, usage in enumerate((Usage(10, 5, 15, cost_usd=0.25), Usage(20, 10, estimated=True), None))
    ]
    for message in (question, *answers):
        store.add_message(message).result(WAIT_S)
    found = store.statistics().result(WAIT_S)
    assert (found.total.messages, found.total.conversations, found.total.input_tokens, found.total.output_tokens,
            found.total.cost_usd, found.total.has_estimates) == (4, 1, 30, 15, 0.25, True)
    assert [(one.name, one.messages) for one in found.by_model] == [("llama3", 3)]
    assert [one.messages for one in found.by_day] == [2, 1, 1] and found.by_day[2].input_tokens is None
    assert [(one.name, one.messages) for one in found.by_script] == [("/a.nk", 4)]
    assert store.statistics(HistoryFilter(kinds=("batch",))).result(WAIT_S).total.messages == 0
    assert [one.text for one in store.recent_messages(limit=2).result(WAIT_S)] == ["a", "a"]


def everything_in_one(store: Store) -> List[Message]:
    made = store.create_conversation(title="All of it", provider="p", model="m", tags=["x"], script="/s.nk")
    chat = made.result(WAIT_S).id
    question = replace(said(chat, "q \0 \U0001d11e ```open"), attachments=(
        Attachment("a", "paste", "P", "long " * 500), Attachment("b", "image", "i", "", "image/png", "iVBORw0KGgo=")))
    answer = replace(
        said(chat, "a", after=question, role="assistant"), provider="p", model="m", finish="stop", raw_finish="STOP",
        usage=Usage(1, 2, 3, cost_usd=0.5), timings=Timings(0.1, 2.0), reasoning="hm", reasoning_opaque=({"sig": "x"},),
        tool_calls=(ToolCall("t", "look", {"a": [1]}, '{"a":[1]}'),), warnings=("w",), response_id="r", keepalives=3,
        error=ErrorInfo("network", "cut", status=500), status="failed", reported_model="m-1")
    tool = replace(said(chat, "result", after=answer, role="tool"), tool_call_id="t")
    sibling = said(chat, "another a", after=question, role="assistant")
    for message in (question, answer, tool, sibling):
        store.add_message(message).result(WAIT_S)
    store.select_branch(chat, sibling.id, -1).result(WAIT_S)
    store.change_conversations([chat], pinned=True, archived=True).result(WAIT_S)
    return [question, answer, tool, sibling]


def test_an_exported_conversation_comes_back_as_the_same_tree(store: Store, tmp_path: Path) -> None:
    chat = everything_in_one(store)[0].conversation_id
    text = store.export_json([chat]).result(WAIT_S)
    there = Store(tmp_path / "other.db")
    talk(there, new_conversation(there), "something else")
    added = there.import_json(text).result(WAIT_S)
    assert (added.conversations, added.messages, added.problems) == (1, 4, ())
    for reading in ("path", "messages", "branches", "conversation"):
        assert getattr(there, reading)(chat).result(WAIT_S) == getattr(store, reading)(chat).result(WAIT_S), reading
    again = json.loads(there.export_json([chat]).result(WAIT_S))
    first = json.loads(text)
    assert {**again, "exported_at": 0} == {**first, "exported_at": 0}
    assert there.import_json(text).result(WAIT_S).skipped_conversations == 1
    there.close(WAIT_S)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", '{"format": "other", "version": 1, "conversations": []}',
                                  '{"format": "nuke-ai-panel.conversations", "version": 99, "conversations": []}'])
def test_what_is_no_export_is_refused_and_nothing_is_added(store: Store, text: str) -> None:
    with pytest.raises(StoreError) as caught:
        store.import_json(text).result(WAIT_S)
    assert caught.value.user_text and caught.value.next_step
    assert store.conversations(kinds=()).result(WAIT_S) == []


def test_an_export_of_a_later_program_is_read_as_far_as_it_is_known(store: Store) -> None:
    good = {"id": new_id(), "role": "user", "text": "hi", "mood": "happy", "status": "pondering", "chosen": 1}
    data = {"format": "nuke-ai-panel.conversations", "version": 1, "conversations": [
        {"id": "c1", "title": "t", "kind": "dream", "colour": "red", "messages": [good]},
        {"id": "c2", "messages": [{"id": "m", "role": "ghost", "text": "boo"}]}, "not even an object"]}
    added = store.import_json(json.dumps(data)).result(WAIT_S)
    assert (added.conversations, added.messages, len(added.problems)) == (1, 1, 2)
    assert [(one.text, one.status) for one in store.path("c1").result(WAIT_S)] == [("hi", "interrupted")]


def test_markdown_keeps_fences_whole(store: Store) -> None:
    chat = everything_in_one(store)[0].conversation_id
    text = store.export_markdown(chat, reasoning=True).result(WAIT_S)
    assert "## You" in text and "## Assistant · p · m · failed" in text and "> hm" in text
    fences = re.findall(r"(?m)^`{3,}", text)
    assert len(fences) % 2 == 0


def test_the_page_to_send_holds_no_script_and_nothing_from_elsewhere(store: Store) -> None:
    pytest.importorskip("markdown_it")
    chat = new_conversation(store, "<script>alert(1)</script>")
    evil = ("<script>x</script> <img src=http://evil/x> ![p](http://evil/p.png) [l](javascript:alert(1)) [f](file:///etc)"
            " [d](data:text/html,x) [ok](https://example.org) <b onclick=x>\n\n```html\n<script>y</script>\n```")
    talk(store, chat, evil, evil)
    page = store.export_html(chat).result(WAIT_S)
    assert "<script" not in page and "<img" not in page and "onclick=" not in re.sub(r"&lt;.*?&gt;", "", page)
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == [
        "http://evil/p.png", "https://example.org"] or re.findall(r'href="([^"]*)"', page)[-1] == "https://example.org"
    assert "default-src 'none'" in page and not re.search(r'href="(?!https?:|mailto:)', page)
