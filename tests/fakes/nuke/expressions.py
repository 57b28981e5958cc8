"""Evaluates Nuke's expression language as far as tests need it: arithmetic, comparisons, `?:`, functions, references.

What it does not know raises UnsupportedError; the knob then keeps its text and says that it was not evaluated.
"""

from __future__ import annotations

import math
import re
from typing import Callable, Dict, List

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|([A-Za-z_][\w.]*)|(\*\*|[<>=!]=|&&|\|\||[-+*/%^<>?:(),!]))"
)
_FUNCTIONS: Dict[str, Callable[..., float]] = {
    "floor": math.floor, "ceil": math.ceil, "abs": abs, "int": math.trunc, "rint": round, "sqrt": math.sqrt,
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "log": math.log, "pow": math.pow, "min": min,
    "max": max, "fmod": math.fmod, "clamp": lambda x, low=0.0, high=1.0: min(max(x, low), high),
    "lerp": lambda a, b, t: a + (b - a) * t, "step": lambda a, x: float(x >= a),
}
_LEVELS = [["||"], ["&&"], ["==", "!="], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "%"]]
_OPERATORS: Dict[str, Callable[[float, float], float]] = {
    "||": lambda a, b: float(bool(a) or bool(b)), "&&": lambda a, b: float(bool(a) and bool(b)),
    "==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b), "<": lambda a, b: float(a < b),
    ">": lambda a, b: float(a > b), "<=": lambda a, b: float(a <= b), ">=": lambda a, b: float(a >= b),
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else 0.0, "%": lambda a, b: math.fmod(a, b) if b else 0.0,
}


class UnsupportedError(Exception):
    """The double cannot evaluate this expression."""


def evaluate(text: str, look_up: Callable[[str], float]) -> float:
    """The value of an expression; `look_up` knows the names."""
    reader = _Reader(text, look_up)
    value = reader.choice()
    if reader.at < len(reader.tokens):
        raise UnsupportedError(text)
    return float(value)


class _Reader:
    def __init__(self, text: str, look_up: Callable[[str], float]) -> None:
        self.look_up = look_up
        self.tokens: List[str] = []
        self.at = 0
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise UnsupportedError(text)
            self.tokens.append(found.group().strip())
            at = found.end()

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise UnsupportedError(f"{wanted or 'a value'} expected")
        self.at += 1
        return token

    def choice(self) -> float:
        value = self.binary(0)
        if self.peek() != "?":
            return value
        self.take("?")
        yes = self.choice()
        self.take(":")
        no = self.choice()
        return yes if value else no

    def binary(self, level: int) -> float:
        if level == len(_LEVELS):
            return self.power()
        value = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            operator = self.take()
            value = _OPERATORS[operator](value, self.binary(level + 1))
        return value

    def power(self) -> float:
        if self.peek() in ("-", "+", "!"):
            sign = self.take()
            value = self.power()
            return -value if sign == "-" else value if sign == "+" else float(not value)
        value = self.atom()
        if self.peek() in ("**", "^"):
            self.take()
            return math.pow(value, self.power())
        return value

    def atom(self) -> float:
        token = self.take()
        if token == "(":
            value = self.choice()
            self.take(")")
            return value
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if self.peek() == "(":
            return self.call(token)
        if not (token[0].isalpha() or token[0] == "_"):
            raise UnsupportedError(token)
        return self.look_up(token)

    def call(self, name: str) -> float:
        self.take("(")
        arguments = []
        while self.peek() != ")":
            arguments.append(self.choice())
            if self.peek() == ",":
                self.take()
        self.take(")")
        if name not in _FUNCTIONS:
            raise UnsupportedError(name)
        try:
            return float(_FUNCTIONS[name](*arguments))
        except (TypeError, ValueError, OverflowError) as error:
            raise UnsupportedError(name) from error
