"""With any 3xx answer no second request leaves the machine: every packet is listened to while redirects are answered.

For each status, each kind of target, each style of key, each way of asking, and each provider. Linux, as root.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.netlab import why_impossible

ROOT = Path(__file__).parents[2]


def test_no_second_request_leaves_after_a_redirect(capsys: pytest.CaptureFixture[str]) -> None:
    reason = why_impossible()
    if reason:
        pytest.skip(reason)
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.campaigns.redirect_capture"],
        capture_output=True, text=True, cwd=ROOT, timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    got = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n{got['asked']:,} redirects answered, {got['syns']} connections opened, to {got['calls']}, "
              f"{len(got['strays'])} other packets, {got['stolen']} at the second server")
    # The capture's own proof that it sees what leaves, and the server that was asked: nobody else.
    assert got["calls"] == ["10.99.0.1 4242", f"127.0.0.1 {got['port']}"]
    assert (got["stolen"], got["strays"]) == (0, [])
    assert got["arrived"] == got["asked"] > 2000
    assert set(got["errors"]) == {"bad_request"}
