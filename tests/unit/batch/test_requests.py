"""What becomes a request and what does not: parameters, schemas, pictures, slips of templates, lines of others."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from nuke_ai_panel.batch import BatchError, calls
from nuke_ai_panel.batch.json_shape import objection
from nuke_ai_panel.batch.planning import make_plan, surveyed
from nuke_ai_panel.batch.requests import JobMaker
from nuke_ai_panel.batch.rows import file_source
from nuke_ai_panel.batch.schema_check import schema_problem
from nuke_ai_panel.batch.values import Reject

from .kit import Bench

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 16
URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def line(name: str, body: Dict[str, Any], **more: Any) -> Dict[str, Any]:
    said = {"model": "m", "messages": [{"role": "user", "content": f"Describe {name}."}], **body}
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": said, **more}


def rejects(bench: Bench, rows: object, **more: Any) -> Tuple[Reject, ...]:
    plan = make_plan(bench.app, rows, **{"provider": "openai", "model": "m", **more})
    assert plan.survey is not None
    return plan.survey.first_rejects


def texts(bench: Bench, template: str, *rows: Dict[str, Any]) -> List[str]:
    plan = bench.plan(list(rows), template=template)
    maker = JobMaker(plan.recipe)
    return [maker.job(one).said[0].text for one in plan.source.read() if not isinstance(one, Reject)]


# ---------------------------------------------------------------- parameters

WRONG = [("max_tokens", -1), ("max_tokens", 0), ("max_tokens", "100"), ("max_tokens", 1.5), ("max_tokens", True),
         ("temperature", 2.5), ("temperature", -0.1), ("temperature", "hot"), ("top_p", 1.5), ("seed", 0.5),
         ("stop", 5), ("stop", ["a", 5]), ("reasoning_effort", 5), pytest.param("seed", 10**400, id="seed-huge")]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_parameter_in_a_head_is_said_before_anything_is_sent(bench: Bench, name: str, value: Any) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"shot": "1"}], template=f"---\n{name}: {json.dumps(value)}\n---\n{{{{ shot }}}}\n")
    assert refused.value.code == 2 and f"in its head: {name} " in refused.value.user_text
    assert refused.value.next_step == f"Mend {name}. Nothing was sent."


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_parameter_in_a_body_is_no_row(bench: Bench, name: str, value: Any) -> None:
    found, = rejects(bench, [line("a", {name: value}), line("b", {})])
    assert found.reason.startswith(f"{name} ") and found.next_step == f"Mend {name}."


def test_wrong_length_under_its_other_name_is_no_row(bench: Bench) -> None:
    assert len(rejects(bench, [line("a", {"max_completion_tokens": -1}), line("b", {"max_completion_tokens": 9})])) == 1


def test_parameters_of_a_script_are_checked_too(bench: Bench) -> None:
    with pytest.raises(BatchError, match="max_tokens must be 1") as refused:
        bench.plan([{"shot": "1"}], max_tokens=-1)
    assert refused.value.code == 2 and "head" not in refused.value.user_text


def test_good_parameters_stay_as_they_were_written(bench: Bench) -> None:
    plan = bench.plan([{"shot": "1"}], template="---\ntemperature: 1\nstop: END\nseed: 3\n---\n{{ shot }}\n")
    job = JobMaker(plan.recipe).job(next(iter(plan.source.read())))  # type: ignore[arg-type]  # a row
    assert (job.parameters.stop, job.parameters.seed) == (("END",), 3)
    assert json.dumps(job.parameters.temperature) == "1"


def test_images_of_a_head_are_columns(bench: Bench) -> None:
    with pytest.raises(BatchError, match="images are no columns") as refused:
        bench.plan([{"shot": "1"}], template="---\nimages: 5\n---\n{{ shot }}\n")
    assert refused.value.code == 2


# ---------------------------------------------------------------- lines made elsewhere


def test_page_of_a_line_counts_only_where_we_made_it(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    path.write_text("".join(json.dumps(line(name, {}, x={"page": page, "place": "far away"})) + "\n"
                            for name, page in (("a", "a.md"), ("b", 5))))
    def made(kind: str) -> List[Tuple[str, Any]]:
        plan = make_plan(bench.app, file_source(path, kind=kind), provider="openai", model="m")
        maker = JobMaker(plan.recipe)
        return [(job.place, job.page) for job in map(maker.job, plan.source.read())]  # type: ignore[arg-type]  # rows

    assert made("jsonl") == [("line 1", None), ("line 2", None)]
    assert made("requests") == [("far away", "a.md"), ("far away", None)]


def test_lines_that_name_their_model_need_no_other(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "o.jsonl"
    lines = [line("a", {"model": "m1"}), line("b", {"model": "m2"}), line("c", {"model": None})]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    plan = make_plan(bench.app, path, provider="openai", base_url=bench.server.base_url)
    assert plan.survey is not None and (plan.survey.rows, plan.choice.model) == (2, "m1")
    assert [one.reason for one in plan.survey.first_rejects] == ["the body names no model"]
    report = calls.run(plan, out=bench.out)
    assert report.answered == 2 and sorted(body["model"] for body in bench.server.bodies) == ["m1", "m2"]


def test_lines_without_a_model_need_one(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "o.jsonl").write_text(json.dumps(line("a", {"model": None})) + "\n")
    with pytest.raises(Exception, match="no model was chosen"):
        make_plan(bench.app, tmp_path / "o.jsonl", provider="openai")


def test_lines_of_an_iterator_may_name_their_model(bench: Bench) -> None:
    plan = make_plan(bench.app, iter([line("a", {"model": "m1"}), line("b", {"model": ""})]), provider="openai")
    found = surveyed(plan).survey
    assert found is not None and (found.rows, found.rejects) == (1, 1)


# ---------------------------------------------------------------- schemas


@pytest.mark.parametrize(("schema", "words"), [
    ({"type": "strng"}, "#/type is 'strng'"), ({"type": 5}, "#/type is 5"),
    ({"properties": {"a": {"type": ["string", "nul"]}}}, "#/properties/a/type is 'nul'"),
    ({"properties": []}, "#/properties must be named schemas"),
    ({"required": "a"}, "#/required must be a list of texts"),
    ({"enum": 5}, "#/enum must be a list"), ({"items": 5}, "#/items must be a schema"),
    ({"minLength": "2"}, "#/minLength must be a number"), ({"maximum": "2"}, "#/maximum must be a number"),
    ({"anyOf": {"type": "string"}}, "#/anyOf must be a list of schemas"),
    ({"items": {"pattern": "(?<year>\\d{4})"}}, "#/items/pattern is a pattern that Python does not know"),
    ({"pattern": "["}, "#/pattern is a pattern"), ({"pattern": 5}, "#/pattern must be text"),
    ({"items": {"$ref": "#/$defs/shot"}}, "#/items/$ref points to #/$defs/shot"),
    ({"$ref": "https://example.com/a.json"}, "which is not in the schema"), ({"$ref": "#"}, "round in a circle"),
    ({"$ref": "#/parts/a", "parts": {"a": {"type": "odd"}}}, "#/parts/a/type is 'odd'"),
    ({"allOf": [{"not": {"enum": "ab"}}]}, "#/allOf/0/not/enum must be a list"),
])
def test_schema_that_cannot_work_is_found_before_anything_is_sent(
    bench: Bench, schema: Dict[str, Any], words: str
) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"shot": "1"}], schema=schema)
    assert refused.value.code == 2 and words in refused.value.user_text and refused.value.next_step
    assert words in rejects(bench, [line("a", {"response_format": {
        "type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}), line("b", {})])[0].reason


@pytest.mark.parametrize("schema", [
    {}, {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}}}},
    {"type": ["object", "null"], "additionalProperties": False, "exclusiveMinimum": True, "x-note": 5},
    {"anyOf": [{"const": None}, {"$ref": "#/anyOf/0"}], "items": [{"type": "string"}], "uniqueItems": True},
])
def test_schema_that_works_is_let_through(schema: Dict[str, Any]) -> None:
    assert schema_problem(schema) == ""


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a": NaN}'])
def test_what_is_no_number_fits_no_schema(text: str) -> None:
    assert "is not a JSON value" in (objection(text, {"type": ["number", "object"]}) or "")


def test_reference_to_the_whole_schema_is_followed() -> None:
    tree = {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}}}
    assert objection('{"n": 1, "next": {"n": "2"}}', tree) == "the answer.next.n is not of the type integer"


# ---------------------------------------------------------------- templates


def test_columns_win_over_what_python_calls_the_same(bench: Bench) -> None:
    row = {"items": "three", "d": {"values": "inner", "copy": 2}}
    assert texts(bench, "{{ row.items }} {{ d.values }} {{ d.copy }}\n", row) == ["three inner 2"]
    looped = "{% for name, value in d.items() %}{{ name }}={{ value }} {% endfor %}\n"
    assert texts(bench, looped, {"d": {"a": 1, "b": 2}}) == ["a=1 b=2 "]


@pytest.mark.parametrize("template", ["{{ shot.title }}", "{{ 'a'.title }}", "{{ row.items }}", "{{ d.values }}",
                                      "{{ range }}", "{% macro m() %}x{% endmacro %}{{ m }}"])
def test_function_is_no_text(bench: Bench, template: str) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"shot": "sh1", "d": {}}], template=f"{template}\n")
    assert refused.value.code == 2 and "which is a function and no value" in refused.value.user_text
    assert refused.value.next_step.startswith("Mend the template")


def test_template_at_fault_is_what_is_to_be_mended(bench: Bench) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"shot": "sh1"}], template="{{ 1 / 0 }}\n")
    assert refused.value.user_text.endswith(
        "The first: line 1: the template fails: ZeroDivisionError: division by zero.")
    assert refused.value.next_step == "Mend the template."


def test_unknown_filter_is_said_in_one_sentence(bench: Bench) -> None:
    with pytest.raises(BatchError) as refused:
        bench.plan([{"shot": "sh1"}], template="{{ shot | nofilter }}\n")
    assert refused.value.user_text == "the template, line 1: No filter named 'nofilter'."


def test_file_outside_of_the_folders_says_what_to_do(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "r.jsonl").write_text('{"shot": "/etc/hostname"}\n{"shot": "missing.txt"}\n')
    found = rejects(bench, tmp_path / "a" / "r.jsonl", template="{{ shot | file }}\n")
    assert "outside of the allowed folders" in found[0].words and "allow its folder (--root)." in found[0].words
    assert found[1].words == "line 2: missing.txt is not a file. Check the path."


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "~nobody-of-this-name/x"])
def test_path_that_no_system_takes_is_no_row(bench: Bench, path: str) -> None:
    found, = rejects(bench, [{"shot": path}], template="{{ shot }}\n", images=("shot",))
    assert len(found.words) < 800 and found.next_step


def test_empty_prompt_is_no_row(bench: Bench) -> None:
    rows = [{"shot": "  "}, {"shot": "a"}, line("c", {"messages": [{"role": "user", "content": " \n"}]})]
    found = rejects(bench, rows, template="{{ shot }}\n\n")
    assert [(one.line, one.reason) for one in found] == [(1, "the prompt is empty"), (3, "the prompt is empty")]


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize(("value", "words"), [
    (None, "names no picture"), ("", "names no picture"), (" ", "names no picture"), ([], "names no picture"),
    ([URL, ""], "names no picture"), ("data:text/plain;base64,aGVsbG8=", "is not a data: URL of a picture"),
    ("data:image/png;base64,####", "is broken"), ("data:image/png;base64,YQ", "is broken"),
    ("data:image/png;base64,", "is not a data: URL"), ("data:image/png,abc", "is not a data: URL"),
    ("note.txt", "is not a PNG"), ("gone.png", "is not a file"),
])
def test_what_is_no_picture_is_no_row(bench: Bench, tmp_path: Path, value: Any, words: str) -> None:
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "r.jsonl").write_text(json.dumps({"shot": "a", "still": value}) + "\n")
    found, = rejects(bench, tmp_path / "r.jsonl", template="{{ shot }}\n", images=("still",))
    assert words in found.reason and found.next_step


def test_pictures_of_a_row_are_sent(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "r.jsonl").write_text(json.dumps({"shot": "a", "still": ["a.png", URL]}) + "\n")
    plan = bench.plan(tmp_path / "r.jsonl", template="{{ shot }}\n", images=("still",))
    job = JobMaker(plan.recipe).job(next(iter(plan.source.read())))  # type: ignore[arg-type]  # a row
    assert [(one.media_type, one.data_base64) for one in job.said[0].attachments] == [
        ("image/png", base64.b64encode(PNG).decode())] * 2


def test_broken_picture_of_a_body_is_no_row(bench: Bench) -> None:
    def shown(url: str) -> Dict[str, Any]:
        return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}

    found = rejects(bench, [line("a", shown("data:image/png;base64,##")), line("b", shown("https://x/y.png")),
                            line("c", shown(URL))])
    assert [one.line for one in found] == [1, 2]


def test_built_in_model_is_known_to_be_blind(bench: Bench) -> None:
    with pytest.raises(BatchError, match="cannot see") as refused:
        bench.plan([{"shot": "a", "still": URL}], template="{{ shot }}\n", images=("still",), provider="local",
                   model="smollm2", base_url=None)
    assert refused.value.code == 2
