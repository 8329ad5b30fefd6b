"""Whether an exercise has been attempted at all: what counts is what Python would do, not how the source looks."""

import ast
import dis
import inspect
import linecache
import textwrap
from functools import cache
from types import CodeType, FunctionType


def is_untouched(function: object, stub: str) -> bool:
    """True for the stub as given, and for a function that does nothing: `...`, `pass`, `return None`, a docstring.

    Comments, blank lines, docstrings, annotations and the names of the parameters make no difference. Two ways lead to
    the answer, and one is enough: the source, where Python still has it (a notebook's cell, a file), and the compiled
    code, for a lambda and for what came from `exec`.
    """
    if not isinstance(function, FunctionType):
        return False
    return _same_source(function.__code__, stub) or _same_steps(function.__code__, stub)


# By the source


def _same_source(code: CodeType, stub: str) -> bool:
    written = _definition_of(code)
    if written is None:
        return False
    return _essence(written) in ([], _essence_of_stub(stub))


@cache
def _essence_of_stub(stub: str) -> list[str]:
    return _essence(_last_definition(ast.parse(stub)))


def _definition_of(code: CodeType) -> ast.FunctionDef | None:
    """The `def` statement that was compiled to this code, or None when there is none or nobody has its text."""
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines:  # inspect would look for the file in every module
        return None
    try:
        statements = ast.parse(textwrap.dedent("".join(inspect.getblock(lines)))).body
    except (SyntaxError, ValueError):
        return None
    if len(statements) == 1 and isinstance(statements[0], ast.FunctionDef) and statements[0].name == code.co_name:
        return statements[0]
    return None


def _last_definition(tree: ast.Module) -> ast.FunctionDef:
    return [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)][-1]


def _essence(function: ast.FunctionDef) -> list[str]:
    """The statements that do something, as text that says nothing of places, parameters named by their number."""
    numbered = _ParametersNumbered(function.args)
    essence = []
    for statement in function.body:
        if _does_nothing(statement):
            continue
        if isinstance(statement, ast.Return) and _is_none(statement.value):
            break
        essence.append(ast.dump(numbered.visit(statement)))
        if isinstance(statement, ast.Return):  # nobody comes to what stands below
            break
    return essence


def _does_nothing(statement: ast.stmt) -> bool:
    """`pass`, `...`, a docstring, any constant that stands by itself."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


class _ParametersNumbered(ast.NodeTransformer):
    """Gives the parameters of a function the names "parameter 0", "parameter 1", and so on."""

    def __init__(self, arguments: ast.arguments) -> None:
        names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
        self._new_names = {name: f"parameter {number}" for number, name in enumerate(names)}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._new_names.get(node.id, node.id), node.ctx)


# By the compiled code


def _same_steps(code: CodeType, stub: str) -> bool:
    return _steps(code) in _steps_of_stub(stub)


@cache
def _steps_of_stub(stub: str) -> list[list[tuple[str, object]]]:
    """The steps of a function that does nothing, and of the stub, compiled in both ways.

    A notebook compiles each statement by itself, a script the whole file: Python then calls `json.loads` differently.
    """
    in_a_script = ast.parse(stub)
    in_a_notebook = ast.Module([_last_definition(in_a_script)], [])
    nothing = ast.parse("def nothing(): pass")
    return [_steps(_compiled(tree)) for tree in (nothing, in_a_script, in_a_notebook)]


def _compiled(tree: ast.Module) -> CodeType:
    """The code of the last function that a source defines."""
    constants = compile(tree, "<stub>", "exec").co_consts
    return [constant for constant in constants if isinstance(constant, CodeType)][-1]


def _steps(code: CodeType) -> list[tuple[str, object]]:
    """The instructions of a function, without those that do nothing."""
    return [step for step in _instructions(code) if step[0] not in _idle_instructions()]


def _instructions(code: CodeType) -> list[tuple[str, object]]:
    return [
        (step.opname, _steps(step.argval) if isinstance(step.argval, CodeType) else step.argval)
        for step in dis.get_instructions(code)
    ]


@cache
def _idle_instructions() -> set[str]:
    """The names of the instructions that do nothing. The running Python tells: it puts one for each line of this."""
    idle_lines = _compiled(ast.parse("def nothing():\n    ...\n    pass\n    return"))
    no_lines = _compiled(ast.parse("def nothing(): pass"))
    return {name for name, _ in _instructions(idle_lines)} - {name for name, _ in _instructions(no_lines)}
