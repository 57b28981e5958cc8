"""The one writer of a run's files: what it says is written stands there whole, also when the disk is full."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, List

import pytest

from nuke_ai_panel.batch.errors import BatchError
from nuke_ai_panel.batch.line_writer import LineWriter

ROOM = 700


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of a file")
def test_full_disk_tells_each_row_and_leaves_whole_lines(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "results.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def write() -> List[Any]:
        writer = LineWriter()
        try:
            first = await writer.add(path, {"custom_id": "first"})
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + ROOM, hard))
            adding = [writer.add(path, {"custom_id": str(number), "text": "x" * 100}) for number in range(20)]
            found = await asyncio.gather(*adding, return_exceptions=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            return [first, *found, await writer.add(path, {"custom_id": "last"})]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            writer.close()

    first, *found, last = asyncio.run(write())
    places = {str(number): place for number, place in enumerate(found) if isinstance(place, int)}
    assert 1 <= len(places) < 20
    assert all(isinstance(one, BatchError) and one.code == 1 for one in found if not isinstance(one, int))
    data = path.read_bytes()
    for custom_id, place in {"first": first, **places, "last": last}.items():
        assert json.loads(data[place:data.index(b"\n", place)])["custom_id"] == custom_id
    assert [json.loads(line)["custom_id"] for line in data.splitlines()] == ["first", *places, "last"]
