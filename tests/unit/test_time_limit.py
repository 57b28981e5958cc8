"""What takes too long is ended in the middle; what is done in time never hears of it."""

from __future__ import annotations

import time

import pytest

from nuke_ai_panel.utils.time_limit import ended_after


class TooLong(BaseException):
    pass


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_endless_loop_is_ended() -> None:
    with pytest.raises(TooLong), ended_after(0.1, TooLong):
        spin(30)


def test_nothing_is_raised_afterwards() -> None:
    for _ in range(50):
        try:
            with ended_after(0.002, TooLong):
                time.sleep(0.0015)  # as close as it gets
        except TooLong:
            pass
        spin(0.005)


def test_error_inside_comes_out() -> None:
    with pytest.raises(ZeroDivisionError), ended_after(5.0, TooLong):
        raise ZeroDivisionError
