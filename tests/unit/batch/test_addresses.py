"""An address with a key in it is refused, so that it stands in no file of a run."""

from __future__ import annotations

import json

import pytest

from nuke_ai_panel.errors import SettingsError

from .farm_kit import Farm
from .kit import Bench, rows, write_rows

CANARY = "canary-0123456789"


@pytest.mark.parametrize("verb", ["run", "farm"])
@pytest.mark.parametrize("form", ["http://{host}/v1?api_key=" + CANARY, "http://{host}/v1?a=1&access_token=" + CANARY,
                                  "http://{host}/v1?code=" + CANARY, "http://user:" + CANARY + "@{host}/v1"])
def test_address_with_a_key_is_refused_before_anything_is_written(farm: Farm, verb: str, form: str) -> None:
    address = form.format(host=farm.server.url.partition("//")[2])
    done = farm.cli.run(
        "batch", verb, str(write_rows(farm.folder / "in.jsonl", 2)), "--template", str(farm.template), "--provider",
        "openai", "--model", "m", "--base-url", address, "--out", str(farm.out))
    assert done.returncode == 2 and "must not hold" in done.stderr
    assert farm.server.bodies == [] and not farm.out.exists()
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("form", ["{url}?api_key=" + CANARY, "{url}?x-api-key=" + CANARY])
def test_script_may_not_give_such_an_address_either(bench: Bench, form: str) -> None:
    with pytest.raises(SettingsError, match="must not hold a key") as caught:
        bench.plan(rows(2), base_url=form.format(url=bench.server.base_url))
    assert caught.value.next_step and CANARY not in str(caught.value) + caught.value.user_text


def test_address_may_have_another_query(bench: Bench) -> None:
    report = bench.run(rows(2), plan={"base_url": f"{bench.server.base_url}?api-version=2024-10-21"})
    assert report.code == 0
    assert {json.loads(line)["x"]["host"].rpartition("?")[2] for line in (
        bench.out / "results.jsonl").read_text().splitlines()} == {"api-version=2024-10-21"}
