"""The door from texts to generated code, for texts of any characters and for code of the grammar."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from brian2.equations.equations import Equations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tension_sim.declare.equations import load_neuron
from tension_sim.declare.language import check_name, parse, read_equations, read_statements, render
from tension_sim.declare.language.functions import FUNCTIONS
from tension_sim.declare.language.meaning import Meaning
from tension_sim.declare.network import ForceNetwork
from tension_sim.errors import DivergenceError, TensionError
from tension_sim.run.simulation import Simulation

quick = settings(deadline=None, derandomize=True, max_examples=100)

#: What may come out, and nothing else.
TOKENS = re.compile(
    r"\s*(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\w.])|[A-Za-z_]\w*|\*\*|//|[<>=!]=|[-+*/%<>(),])", re.ASCII
)
WORDS = (
    "v t dt x r tau I mV ms exp( clip( int( rand() standard_normal( and or not True None lambda if else import "
    "__import__( system( open( class 1 2.5 1e3 0x1 1j '' \"a\" ; : # \\ \n { } {{ }} {% [ ] . , = == := -> @ & | ^ ~ "
    "< > <= != + - * / // % ** ( ) /* */ ? ` ü ﬁ \0 \r \t \u2028 \ud800 'a'*9 #include f\"{x}\" dv/dt : volt (constant)"
).split(" ")
texts = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
texts |= st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


def only_known_tokens(text: str, more: str = "") -> bool:
    """Whether a text is made of tokens of expressions, and of `more` characters."""
    place = 0
    while text[place:].strip():
        match = TOKENS.match(text, place) or (re.compile(rf"\s*[{more}]").match(text, place) if more else None)
        if match is None:
            return False
        place = match.end()
    return True


@quick
@given(texts)
def test_any_text_is_an_expression_of_known_tokens_or_refused(text):
    try:
        written = render(parse("A.b", text))
    except TensionError as error:
        assert str(error).startswith("A.b: expected ")
    else:
        assert only_known_tokens(written)
        assert render(parse("A.b", written)) == written


@quick
@given(texts)
def test_any_text_is_a_name_that_brian2_takes_or_refused(text):
    try:
        name = check_name("A.b", text)
    except TensionError as error:
        assert str(error).startswith("A.b: expected a name ")
    else:
        Equations.check_identifier(name)
        assert name.isascii() and name.isidentifier()


@quick
@given(texts)
def test_any_text_is_equations_and_statements_of_known_tokens_or_refused(text):
    names = dict.fromkeys("vxr", Meaning())
    for read in (
        lambda: "\n".join(map(str, read_equations("A", text))),
        lambda: "\n".join(map(str, read_equations("A", f"dv/dt = {text} : 1"))),
        lambda: read_statements("A", text, names, names),
        lambda: read_statements("A", f"v = {text}", names, names),
    ):
        try:
            written = read()
        except TensionError as error:
            assert str(error).startswith("A: ")
        else:
            assert only_known_tokens(written, ":=")


@st.composite
def numbers(draw, depth: int = 3) -> str:
    """Text of a plain number, mostly."""
    if not depth or draw(st.integers(0, 3)) == 0:
        leaves = "x k 2 0.5 3 1e-3 x k y v/mV I/mV t/second i N t_in_timesteps pi e 7 n 1/2 mV b".split()
        return draw(st.sampled_from(leaves))
    kind = draw(st.integers(0, 9))
    left = draw(numbers(depth=depth - 1))
    if kind < 5:
        return f"({left} {draw(st.sampled_from('+ - * / % // **'.split()))} {draw(numbers(depth=depth - 1))})"
    if kind == 5:
        return f"-{left}"
    if kind == 6:
        return f"int({draw(conditions(depth=depth - 1))})"
    name = draw(st.sampled_from(sorted(FUNCTIONS)))
    arguments = [left] + [draw(numbers(depth=0)) for _ in range(FUNCTIONS[name].arguments - 1)]
    return f"{name}({', '.join(arguments[: FUNCTIONS[name].arguments])})"


@st.composite
def conditions(draw, depth: int = 2) -> str:
    """Text of a condition, mostly."""
    if not depth or draw(st.booleans()):
        sign = draw(st.sampled_from("< <= > >= == !=".split()))
        return f"{draw(numbers(depth=min(depth, 1)))} {sign} {draw(numbers(depth=0))}"
    if draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(["b", "not b", "True", "x"]))
    word = draw(st.sampled_from(["and", "or"]))
    return f"({draw(conditions(depth=depth - 1))}) {word} not ({draw(conditions(depth=depth - 1))})"


FILE = '''
kind = "neuron"
equations = """
dv/dt = (I - v)/tau : volt
dx/dt = ({rate})/tau : 1
y = {sub} : 1
I = I_rec + I_fb + I_in : volt
n : integer
b : boolean
"""
threshold = "{threshold}"
reset = "x = {reset}; v = 0*mV; n += 1; b = {threshold}"
method = "{method}"
membrane = "v"
[inputs]
recurrent = "I_rec"
feedback = "I_fb"
external = "I_in"
[units]
current = "mV"
rate = "1/second"
[parameters]
tau = "10*ms"
k = "1.5"
[initial]
v = "rand()*mV"
x = "rand()"
'''
PIECES = {
    "rate": numbers(), "sub": numbers(), "threshold": conditions(), "reset": numbers(),
    "method": st.sampled_from(["euler", "euler", "rk2", "rk4", "heun", "exponential_euler"]),
}  # fmt: skip


def builds(folder, pieces) -> bool:
    """Load a neuron file, and run it on numpy if it is taken; say whether it was."""
    path = folder / "mine.toml"
    path.write_text(FILE.format(**pieces))
    try:
        neuron = load_neuron(path)
    except TensionError as error:
        assert str(error).startswith("mine.toml: ")
        return False
    assert only_known_tokens(neuron.threshold)
    assert only_known_tokens(neuron.reset, "=")
    assert only_known_tokens(neuron.equations, ":=")
    with np.errstate(all="ignore"):
        try:
            net = ForceNetwork.random(path, n=2, seed=1)
            Simulation(net, target="numpy").run(np.zeros((3, 1)))
        except DivergenceError:
            pass  # numbers are what they are
    return True


some = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=8, **some)
@given(pieces=st.fixed_dictionaries(PIECES))
@pytest.mark.filterwarnings("ignore")
def test_what_is_loaded_runs(pieces, tmp_path_factory):
    builds(tmp_path_factory.mktemp("door"), pieces)


@pytest.mark.slow
@settings(max_examples=400, **some)
@given(pieces=st.fixed_dictionaries(PIECES))
@pytest.mark.filterwarnings("ignore")
def test_what_is_loaded_runs_whatever_it_is(pieces, tmp_path_factory):
    builds(tmp_path_factory.mktemp("door"), pieces)


@quick
@given(numbers(depth=4) | conditions(depth=3))
def test_what_is_written_means_the_same(text):
    """The tree of what is written is Python's own tree of the text."""
    try:
        tree = parse("A.b", text)
    except TensionError:
        return
    assert ast.dump(ast.parse(render(tree), mode="eval").body) == ast.dump(ast.parse(text.strip(), mode="eval").body)
