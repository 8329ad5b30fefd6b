"""Whether an exercise has been attempted at all, decided by what Python would do and not by how the source looks."""

import ast
import dis
from types import CodeType, FunctionType

STANDS_STILL = ("RESUME", "NOP", "CACHE")  # instructions that do nothing for the result


def is_untouched(function: object, stub: str) -> bool:
    """True for the stub as given, and for a function that does nothing: `...`, `pass`, `return None`, a docstring.

    Both are recognised in the compiled code, so comments, blank lines and docstrings make no difference.
    """
    code = getattr(function, "__code__", None)
    if not isinstance(function, FunctionType) or code is None:
        return False
    nothing = _last_function(ast.parse("def nothing(): pass"))
    # A notebook compiles each statement by itself, a script the whole file: Python then calls `json.loads` differently.
    in_a_script = _last_function(ast.parse(stub))
    in_a_notebook = _last_function(ast.Module(ast.parse(stub).body[-1:], []))
    return _steps(code) in (_steps(nothing), _steps(in_a_script), _steps(in_a_notebook))


def _last_function(tree: ast.Module) -> CodeType:
    """The code of the last function that a source defines."""
    constants = compile(tree, "<stub>", "exec").co_consts
    return [constant for constant in constants if isinstance(constant, CodeType)][-1]


def _steps(code: CodeType) -> list[tuple]:
    """The instructions of a function, without what differs between two places of the same source."""
    return [
        (step.opname, _steps(step.argval) if isinstance(step.argval, CodeType) else step.argval)
        for step in dis.get_instructions(code)
        if step.opname not in STANDS_STILL
    ]
