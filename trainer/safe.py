"""Reads a configuration written in Python without running it.

A configuration needs assignments of constants, a little arithmetic, an f-string for a
run's name.  Those are evaluated here, each result bounded in size; all else is refused
with its line.  An untrusted file can at worst set a learning rate.
"""

import ast
import math
import operator
import os
import re
import time

from trainer.errors import TrainerError


MAX_TEXT = 10_000  # no setting is longer; keeps "a" * 10**10 out of memory
MAX_INT = 2**63
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def cuda_is_available():
    """Ask torch only when a configuration does: importing it takes a second."""
    import torch

    return torch.cuda.is_available()


KNOWN = {  # every name from outside a configuration may use
    **{f.__name__: f for f in (str, int, float, bool, min, max, round, abs)},
    **{f"math.{name}": getattr(math, name) for name in ("sqrt", "log", "ceil", "pi")},
    "time.time": time.time,
    "time.strftime": time.strftime,
    "os.environ.get": os.environ.get,
    "os.path.join": os.path.join,
    "torch.cuda.is_available": cuda_is_available,
}
MODULES = {"math", "time", "os", "torch"}


def read_python(text, path):
    """The names that a file of assignments defines, without running it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise TrainerError(f"{path}:{line}: not a configuration: {error}") from error
    names = {}
    for statement in tree.body:
        try:
            execute(statement, names)
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            advice = "if you trust the file: --trust_config=True before it"
            raise TrainerError(
                f"{path}:{statement.lineno}: {error or 'too deep'} ({advice})"
            ) from error
    return names


def execute(statement, names):
    """Execute an assignment, a known import, or a docstring."""
    match statement:
        case ast.Assign(targets=[*targets], value=value):
            assign(targets, evaluate(value, names), names)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            assign([target], evaluate(value, names), names)
        case ast.Expr(value=ast.Constant()):
            pass
        case ast.Import(names=modules) if {m.name for m in modules} <= MODULES:
            pass
        case _:
            raise ValueError(f"{ast.unparse(statement)[:60]!r} is not a setting")


def assign(targets, value, names):
    """Bind plain names; `config.x = 1` and `a, b = 1, 2` are not settings."""
    for target in targets:
        if not isinstance(target, ast.Name):
            raise TypeError(f"cannot assign to {ast.unparse(target)[:60]!r}")
        names[target.id] = value


def evaluate(node, names):
    """The value of an expression; its size is bounded at every step."""
    value = evaluate_unbounded(node, names)
    too_long = isinstance(value, str) and len(value) > MAX_TEXT
    if too_long or (isinstance(value, int) and abs(value) > MAX_INT):
        raise ValueError("value too large")
    return value


def evaluate_unbounded(node, names):  # noqa: PLR0911 - one return per kind of node
    """The value of an expression whose parts are bounded."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=op, operand=x) if type(op) in OPERATORS:
            return OPERATORS[type(op)](evaluate(x, names))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return apply(type(op), evaluate(left, names), evaluate(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if (
            type(op) in OPERATORS
        ):
            return OPERATORS[type(op)](evaluate(left, names), evaluate(right, names))
        case ast.IfExp(test=test, body=body, orelse=other):
            return evaluate(body if evaluate(test, names) else other, names)
        case ast.JoinedStr(values=parts):
            return "".join(evaluate_part(part, names) for part in parts)
        case ast.Call(func=func, args=args, keywords=[]):
            return call(ast.unparse(func), [evaluate(x, names) for x in args])
        case ast.Attribute() if ast.unparse(node) == "math.pi":
            return math.pi
        case _:
            raise ValueError(f"{ast.unparse(node)[:60]!r} is not allowed here")


def evaluate_part(part, names):
    """A part of an f-string; widths have at most three digits."""
    if isinstance(part, ast.Constant):
        return part.value
    spec = "" if part.format_spec is None else evaluate(part.format_spec, names)
    if re.search(r"\d{4}", spec):
        raise ValueError(f"format {spec!r} is too wide")
    return format(evaluate(part.value, names), spec)


def apply(op, left, right):
    """Compute, unless the operands show that the result would be too large."""
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if op is ast.Pow and not (numbers and abs(right) <= 64 and abs(left) <= 10**6):  # noqa: PLR2004
        raise ValueError("power too large")
    if op is ast.Mod and not numbers:
        raise ValueError("'%' is for numbers; use an f-string")
    if op is ast.Mult and not numbers:
        size = next((n for n in (left, right) if isinstance(n, int)), 0)
        if size > MAX_TEXT:
            raise ValueError("value too large")
    return OPERATORS[op](left, right)


def call(name, arguments):
    """Call one of the few functions a configuration may use."""
    function = KNOWN.get(name)
    if name == "math.pi" or function is None:
        raise ValueError(f"{name[:60]!r} may not be called here")
    return function(*arguments)
