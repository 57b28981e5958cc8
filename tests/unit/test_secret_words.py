"""What is found in a text, and what is left alone."""

from __future__ import annotations

import json
import time

import pytest

from nuke_ai_panel.core.passing import restored
from nuke_ai_panel.core.redaction import Redaction, Restorer
from nuke_ai_panel.core.secret_words import Wanted, finds_in, names_in_paths
from nuke_ai_panel.errors import ProviderError, clean_cause, hide_in_errors, provider_error, without_secrets
from nuke_ai_panel.events import Finish, Restarted, StreamEvent, TextDelta, ThinkingDelta
from nuke_ai_panel.messages import Attachment, Message, ToolCall
from nuke_ai_panel.providers.base import ChatRequest, Parameters, ToolSpec

EVERYTHING = Wanted(True, ("Orion", "Zwölf"), ("ada",), ("ws12",), True, True)


def found(text: str, wanted: Wanted = EVERYTHING) -> list[str]:
    return [text[one.start:one.end] for one in finds_in(text, wanted)]


@pytest.mark.parametrize(("text", "path"), [
    ("read /jobs/show/sh010/plate.%04d.exr now", "/jobs/show/sh010/plate.%04d.exr"),
    ("see /jobs/show/a.exr.", "/jobs/show/a.exr"),
    ('open("/jobs/my show/a b.exr")', "/jobs/my show/a b.exr"),
    ("in /jobs/my show/a.exr, please", "/jobs/my show/a.exr"),
    (r"at C:\Users\Ada\Desktop\x.nk today", r"C:\Users\Ada\Desktop\x.nk"),
    (r"C:\\Users\\Ada\\x.nk", r"C:\\Users\\Ada\\x.nk"),
    ("C:/Program Files/Nuke16.0v1/x.py", "C:/Program Files/Nuke16.0v1/x.py"),
    (r"\\server\share\show\x", r"\\server\share\show\x"),
    ("//server/share/show/x", "//server/share/show/x"),
    ("file:///jobs/show/x.exr", "file:///jobs/show/x.exr"),
    ("ftp://host/jobs/show/x.exr", "ftp://host/jobs/show/x.exr"),
    ("/Users/x/shot 01/comp v2.nk now", "/Users/x/shot 01/comp v2.nk"),
    ("look in /jobs/show and main.py", "/jobs/show"),
    ("~/nuke/x.nk", "~/nuke/x.nk"),
    ("~ada/nuke/x.nk", "~ada/nuke/x.nk"),
    ("$SHOW/shots/x.nk", "$SHOW/shots/x.nk"),
    (r"%USERPROFILE%\x.nk", r"%USERPROFILE%\x.nk"),
    ("file=/jobs/show/x.exr;", "/jobs/show/x.exr"),
    ("path:/jobs/show/x.exr", "/jobs/show/x.exr"),
    ("../comps/x.nk", "../comps/x.nk"),
    ("shots/sh010/comp_v001.nk", "shots/sh010/comp_v001.nk"),
    ("/jobs/日本/東京.exr", "/jobs/日本/東京.exr"),
])
def test_path_is_found_whole(text: str, path: str) -> None:
    assert found(text) == [path]


@pytest.mark.parametrize("text", [
    "https://docs.foundry.com/nuke/16/content.html", "and/or", "a 1/2 b", "10/12/2026", "</div></p>", "// a comment",
    "a << b >> c", "x = a / b / c", "maximum", "adamant", "km/h", "threading.local()", "Read1.file",
])
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(("text", "secret"), [
    ("OrionFX", "Orion"), ("the ORION show", "ORION"), ("preorionpost", "orion"), ("ZWÖLF", "ZWÖLF"),
    ("zwo\u0308lf", "zwo\u0308lf"), ("ask Ada", "Ada"), ("ada_01", "ada"), ("on WS12.", "WS12"),
    ("gpu7.studio.lan", "gpu7.studio.lan"), ("10.1.2.3", "10.1.2.3"), ("192.168.0.7.", "192.168.0.7"),
])
def test_words_and_names_are_found_in_any_case(text: str, secret: str) -> None:
    assert found(text) == [secret]


def test_overlapping_words_are_one_find() -> None:
    assert found("xabcdez", Wanted(False, ("abc", "cde", "bcd"))) == ["abcde"]


def test_word_that_reaches_into_a_path_leaves_no_rest_of_it() -> None:
    assert found("show/jobs/orion/secret.exr", Wanted(True, ("show/jobs",))) == ["show/jobs/orion/secret.exr"]


def test_names_of_home_folders_are_learnt_and_hidden_elsewhere() -> None:
    assert names_in_paths("/home/lovelace/x and C:\\Users\\hopper\\y, /home/root/z") == {"lovelace", "hopper"}
    redaction = Redaction("c", EVERYTHING)
    sent = redaction.text("/home/lovelace/x is by Lovelace")
    assert "lovelace" not in sent.lower() and redaction.restore(sent) == "/home/lovelace/x is by Lovelace"


def test_ten_thousand_words_cost_little_more_than_one() -> None:
    wanted = Wanted(False, tuple(f"codename{number}" for number in range(10_000)))
    text = "the matte of codename77 is clipped before the merge " * 2000
    finds_in("warm", wanted)
    started = time.perf_counter()
    assert len(finds_in(text, wanted)) == 2000
    assert time.perf_counter() - started < 2.0


def test_placeholder_is_the_same_after_a_restart_and_another_in_another_conversation() -> None:
    one, again, other = (Redaction(name, EVERYTHING).text("Orion") for name in ("a", "a", "b"))
    assert one == again != other


def test_text_that_looks_like_a_placeholder_comes_back_as_it_was() -> None:
    redaction = Redaction("c", EVERYTHING)
    known = redaction.text("Orion")
    text = f"{known} is not Orion, nor is <<PATH_000001>> or <<<WORD_1>>"
    sent = redaction.text(text)
    assert known in sent and redaction.restore(sent) == text


def test_unknown_placeholder_of_the_model_stays() -> None:
    assert Redaction("c", EVERYTHING).restore("<<PATH_424242>>") == "<<PATH_424242>>"


def test_whole_request_is_redacted_and_calls_come_back() -> None:
    redaction = Redaction("c", EVERYTHING)
    path = "C:\\Orion\\plate.exr"
    request = ChatRequest(
        "m", (
            Message("1", "c", None, "user", f"open {path}", attachments=(Attachment("a", "file", "orion.txt", path),)),
            Message("2", "c", "1", "assistant", "", reasoning=f"Orion lies in {path}", exact_text=path,
                    tool_calls=(ToolCall("t", "read", {"file": path, "n": [1, {"Orion": True}]}, '{"x": 1}'),)),
            Message("3", "c", "2", "tool", path, tool_call_id="t"),
        ), system=f"You work on Orion in {path}", parameters=Parameters(stop=("Orion",)),
        tools=(ToolSpec("read", "Reads Orion's files", {}),),
    )
    sent = redaction.request(request)
    assert "orion" not in repr(sent).lower() and redaction.hidden == 3  # the path, the word, the file's name
    call = redaction.restored_call(sent.messages[1].tool_calls[0])
    assert call.arguments == {"file": path, "n": [1, {"Orion": True}]}
    assert json.loads(call.raw_arguments or "") == call.arguments


def test_broken_arguments_come_back_as_json_would_write_them() -> None:
    redaction = Redaction("c", EVERYTHING)
    raw = '{"file": "' + redaction.text("C:\\jobs\\x.exr")
    assert redaction.restored_call(ToolCall("t", "read", None, raw)).raw_arguments == '{"file": "C:\\\\jobs\\\\x.exr'


def test_nothing_wanted_changes_nothing() -> None:
    request = ChatRequest("m", (Message("1", "c", None, "user", "/jobs/orion/x.exr"),))
    assert Redaction("c", None).request(request) is request


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_split_placeholder_is_restored_in_a_stream(size: int) -> None:
    redaction = Redaction("c", EVERYTHING)
    text = "a << b, /jobs/orion/x.exr and <<PATH_ Orion<"
    sent, restorer = redaction.text(text), Restorer(redaction)
    pieces = [restorer.feed(sent[place:place + size]) for place in range(0, len(sent), size)]
    assert "".join(pieces) + restorer.end() == text


def test_ordinary_pieces_do_not_wait() -> None:
    restorer = Restorer(Redaction("c", EVERYTHING))
    assert [restorer.feed(one) for one in ("if a ", "< b", ": x", " <", "< 2")] == ["if a ", "< b", ": x", " ", "<< 2"]


async def _events(*events: object) -> object:
    for one in events:
        if isinstance(one, Exception):
            raise one
        yield one


def streamed(redaction: Redaction, *events: object, is_json: bool = False) -> list[StreamEvent]:
    import asyncio

    got: list[StreamEvent] = []

    async def collect() -> None:
        async for event in restored(_events(*events), redaction, is_json=is_json):  # type: ignore[arg-type]  # a fake
            got.append(event)

    try:
        asyncio.run(collect())
    except ProviderError:
        got.append(Finish("other", "failed"))
    return got


def test_stream_restores_text_thinking_and_calls_and_keeps_what_was_said_before_a_failure() -> None:
    redaction = Redaction("c", EVERYTHING)
    one = redaction.text("Orion")
    got = streamed(
        redaction, ThinkingDelta(one[:5]), ThinkingDelta(one[5:]), TextDelta("x" + one[:3]), Restarted(),
        TextDelta(one + " <<P"), ToolCall("t", "f", {"a": one}), TextDelta("<"), provider_error("network", "cut"),
    )
    assert got == [
        ThinkingDelta("Orion"), TextDelta("x"), Restarted(), TextDelta("Orion "), TextDelta("<<P"),
        ToolCall("t", "f", {"a": "Orion"}, '{"a": "Orion"}'), TextDelta("<"), Finish("other", "failed"),
    ]


def test_answer_that_is_json_stays_json() -> None:
    redaction = Redaction("c", EVERYTHING)
    path = 'C:\\jobs\\x.exr'
    got = streamed(redaction, TextDelta(f'{{"file": "{redaction.text(path)}"}}'), Finish("stop"), is_json=True)
    assert isinstance(got[0], TextDelta) and json.loads(got[0].text) == {"file": path}


@pytest.mark.parametrize("text", [
    "you sent sk-ant-api03-Zq8KpW3xT7vLmN2b", "cut: sk-ant-api03-Zq8KpW3…", "%s=sk-ant-api03-Zq8KpW3xT7vLmN2b&x",
    "sk-ant-api03-Zq8KpW3xT7vLmN2b twice sk-ant-api03-Zq8KpW3xT7vLmN2b",
])
def test_key_in_use_is_in_no_error_whoever_wrote_it(text: str) -> None:
    hide_in_errors("sk-ant-api03-Zq8KpW3xT7vLmN2b")
    error = provider_error("bad_request", text, code=text, type=text, request_id=text, provider="x")
    error.next_step = text
    told = f"{error!r} {error} {error.info()!r} {vars(error)!r}"
    assert "Zq8KpW3" not in told and "•••" in told


def test_beginning_that_all_keys_of_a_vendor_share_is_no_key() -> None:
    hide_in_errors("sk-ant-api03-Zq8KpW3xT7vLmN2b")
    assert without_secrets("keys begin with sk-ant-api03-") == "keys begin with sk-ant-api03-"


def test_cause_that_quotes_a_key_is_cut_off() -> None:
    hide_in_errors("sk-ant-api03-Zq8KpW3xT7vLmN2b")
    clean, dirty = ValueError("plain"), ValueError(b"api-key: sk-ant-api03-Zq8KpW3xT7vLmN2b")
    assert clean_cause(clean) is clean and clean_cause(dirty) is None
    clean.__cause__ = dirty
    assert clean_cause(clean) is None
