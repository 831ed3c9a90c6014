"""The language of equation files: names, expressions, equations; and Brian2 as the judge of it."""

from __future__ import annotations

import ast
import itertools
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from brian2.core.namespace import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS
from brian2.core.variables import Constant
from brian2.equations.equations import Equations, dimensions_and_type_from_string
from brian2.parsing.bast import brian_ast
from brian2.parsing.expressions import parse_expression_dimensions
from brian2.stateupdaters.base import StateUpdateMethod
from brian2.units.fundamentalunits import get_or_create_dimension
from scipy import special

from tension_sim.brian.assemble import EQUATION_FUNCTIONS
from tension_sim.declare.language import (
    Meaning,
    Reader,
    check_equations,
    check_linear,
    check_method,
    check_name,
    declared_unit,
    parse,
    read_condition,
    read_equations,
    read_statements,
    render,
)
from tension_sim.declare.language.checks import METHODS, REFUSED_METHODS
from tension_sim.declare.language.code import check_code, check_error_code
from tension_sim.declare.language.functions import CONSTANTS, FUNCTIONS
from tension_sim.declare.language.unit_table import BASE_UNITS, EQUATION_UNITS, unit_text
from tension_sim.declare.language.words import meaning_of
from tension_sim.errors import InvalidTypeError, InvalidValueError, TensionError, UnitsError, UnknownNameError

VOLT, SECOND = BASE_UNITS["volt"], BASE_UNITS["second"]
NAMES = {
    "v": Meaning(VOLT), "w": Meaning(VOLT), "x": Meaning(), "n": Meaning(kind="integer"), "b": Meaning(kind="boolean"),
    "tau": Meaning(SECOND),
}  # fmt: skip


class TestNames:
    @pytest.mark.parametrize(
        "name", ["v", "tau_mem", "E_L", "g1", "I", "C", "k", "EPSP", "I_max", "v_T", "d", "a" * 64]
    )
    def test_good(self, name):
        assert check_name("A.b", name) == name

    @pytest.mark.parametrize(
        "name",
        [
            "",
            " ",
            "2v",
            "_v",
            "v w",
            "v\n",
            "v;w",
            "x/*",
            '"',
            "../../x",
            "v.w",
            "ü",
            "v\u200b",
            "\uff44t",
            "a" * 65,
            "\0",
        ],
    )
    def test_no_identifier(self, name):
        with pytest.raises(InvalidValueError, match=r"^A\.b: expected a name of at most 64 letters, digits and "):
            check_name("A.b", name)

    @pytest.mark.parametrize(
        ("name", "meaning"),
        [
            ("lambda", "a word of Python"),
            ("match", "a word of Python"),
            ("None", "a word of Python"),
            ("range", "a word of Python"),
            ("double", "a word of C++"),
            ("xor", "a word of C++"),
            ("cdef", "a word of Cython"),
            ("threadIdx", "a word of CUDA"),
            ("mV", "a unit"),
            ("exp", "a function or constant of equations"),
            ("pi", "a function or constant of equations"),
            ("t", "a word of equations"),
            ("xi_1", "a word of equations"),
            ("lastspike", "a word of equations"),
            ("r", "a variable of every network"),
            ("noise_seed", "a variable of every network"),
            ("M_PI", "a name of the C++ library or of generated code"),
            ("INT_MAX", "a name of the C++ library or of generated code"),
            ("errno", "a name of the C++ library or of generated code"),
            ("fabs", "a name of the C++ library or of generated code"),
        ],
    )
    def test_reserved(self, name, meaning):
        with pytest.raises(InvalidValueError) as caught:
            check_name("A.b", name)
        assert str(caught.value) == (
            f"A.b: expected a name that is free.\nReceived: {name!r}\nFix: {name!r} is {meaning}: choose another name."
        )

    def test_no_text(self):
        with pytest.raises(InvalidTypeError, match=r"A\.b: expected a name\.\nReceived: 3"):
            check_name("A.b", 3)

    def test_what_brian2_reserves_is_refused(self):
        reserved = {
            *DEFAULT_UNITS,
            *DEFAULT_FUNCTIONS,
            *DEFAULT_CONSTANTS,
            *EQUATION_FUNCTIONS,
            "t",
            "dt",
            "xi",
            "xi_a",
            "i",
            "N",
        }
        for name in reserved | {"t_in_timesteps", "lastspike", "not_refractory", "_a", "class", "3a", "é"}:
            with pytest.raises(TensionError):
                check_name("A.b", name)

    @pytest.mark.parametrize("name", ["v", "tau", "EPSP", "gamma", "beta", "S", "Q", "E", "y1", "filter_1", "zeta"])
    def test_brian2_takes_what_is_free(self, name):
        Equations.check_identifier(check_name("A.b", name))

    @pytest.mark.skipif(shutil.which("g++") is None or sys.platform != "linux", reason="asks the GNU compiler")
    def test_macros_of_the_c_library_are_refused(self):
        headers = "".join(
            f"#include <{name}>\n"
            for name in "climits cmath ctime fstream iostream random algorithm csignal cstdint".split()
        )
        command = ["g++", "-dM", "-E", "-x", "c++", "-"]
        found = subprocess.run(command, input=headers, capture_output=True, text=True, check=True).stdout
        macros = {line.split()[1].split("(")[0] for line in found.splitlines()}
        assert len(macros) > 500
        assert not [name for name in macros if not name.startswith("_") and not meaning_of(name)]


class TestTables:
    def test_units_are_all_those_of_brian2(self):
        assert EQUATION_UNITS.keys() == DEFAULT_UNITS.keys()
        for name, (value, dimension) in EQUATION_UNITS.items():
            assert value == pytest.approx(float(DEFAULT_UNITS[name]), rel=1e-12), name
            assert dimension == tuple(DEFAULT_UNITS[name].dim._dims), name

    def test_units_of_variables_are_those_of_brian2(self):
        with pytest.raises(ValueError, match="not a base unit"):
            dimensions_and_type_from_string("mV")
        from brian2.equations import equations

        assert BASE_UNITS.keys() == equations._base_units.keys() - {"__builtins__"}

    def test_functions_are_all_those_of_brian2_and_ours(self):
        theirs = DEFAULT_FUNCTIONS | EQUATION_FUNCTIONS
        assert FUNCTIONS.keys() == theirs.keys()
        for name, function in FUNCTIONS.items():
            assert function.arguments == len(theirs[name]._arg_units), name
            assert function.gives == {"highest": "any"}.get(theirs[name]._return_type, theirs[name]._return_type), name
        assert {*CONSTANTS} == {*DEFAULT_CONSTANTS} - {"-inf"}

    def test_functions_have_the_values_of_scipy(self):
        x = np.array([-3.0, -0.75, -1e-9, 0.0, 1e-9, 0.4, 1.0, 2.5])
        for name in FUNCTIONS.keys() & {*dir(special)}:
            some = x[x >= 0] if name == "log1p" else x
            assert FUNCTIONS[name].compute(some) == pytest.approx(getattr(special, name)(some), rel=1e-14, abs=0), name
        assert FUNCTIONS["exprel"].compute(0) == 1.0
        assert FUNCTIONS["clip"].compute(x, -1, 1).tolist() == [-1, -0.75, -1e-9, 0, 1e-9, 0.4, 1, 1]
        assert FUNCTIONS["int"].compute(x).tolist() == [-3, 0, 0, 0, 0, 0, 1, 2]
        assert FUNCTIONS["sign"].compute(x).tolist() == [-1, -1, -1, 0, 1, 1, 1, 1]
        assert CONSTANTS == {name: DEFAULT_CONSTANTS[name].value for name in CONSTANTS}

    def test_every_method_of_brian2_is_taken_or_refused_with_a_reason(self):
        assert {*METHODS, *REFUSED_METHODS} == {*StateUpdateMethod.stateupdaters}

    def test_units_are_written_as_brian2_reads_them(self):
        for name, dimension in BASE_UNITS.items():
            for power in (1, -1, 2, 0.5):
                text, meaning = declared_unit("A.b", f"{name}**{power}/second")
                dim, kind = dimensions_and_type_from_string(text)
                assert kind == "float"
                assert tuple(dim._dims) == pytest.approx(meaning.dimension)
            assert tuple(dimensions_and_type_from_string(unit_text(dimension))[0]._dims) == dimension


class TestExpressions:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("a+b *c", "a + b*c"),
            ("(a+b)*c", "(a + b)*c"),
            ("a-(b-c)", "a - (b - c)"),
            ("a/(b/c)/d", "a/(b/c)/d"),
            ("-a**-b", "-a**-b"),
            ("(-a)**2", "(-a)**2"),
            ("(a**b)**c", "(a**b)**c"),
            ("+a", "a"),
            ("a%b//c", "a % b//c"),
            ("a<b and not(c>=d or e)", "a < b and not (c >= d or e)"),
            ("int((a==b)and True)", "int(a == b and True)"),
            ("clip( x,0,\n inf )", "clip(x, 0, inf)"),
            ("1.50e3+.5+1e-300", "1500.0 + 0.5 + 1e-300"),
        ],
    )
    def test_written_anew(self, text, written):
        assert render(parse("A.b", text)) == written
        assert render(parse("A.b", written)) == written

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "an expression such as"),
            ("a" * 1001, "an expression of at most 1000 characters"),
            ("-" * 61 + "a", "an expression nested at most 60 deep"),
            ("a;b", 'an expression such as "10\\*ms"|numbers, names, operators and round brackets'),
            ("a if b else c", "arithmetic of numbers(.|\n)*Fix: remove the ifexp"),
            ("lambda: a", "arithmetic of numbers(.|\n)*Fix: remove the lambda"),
            ("a.b", "arithmetic of numbers(.|\n)*Fix: remove the attribute"),
            ("a[0]", "Fix: remove the subscript"),
            ("{a}", "Fix: remove the set"),
            ("(a, b)", "Fix: remove the tuple"),
            ("[a for a in b]", "Fix: remove the listcomp"),
            ("(a := b)", "Fix: remove the namedexpr"),
            ("f'{a}'", "Fix: remove the joinedstr"),
            ("'a'", "expected a number"),
            ("b'a'", "expected a number"),
            ("None", "expected a number"),
            ("...", "expected a number"),
            ("a in b", "comparisons of two numbers"),
            ("a < b < c", "comparisons of two numbers"),
            ("a @ b", "expected arithmetic"),
            ("a & b", "expected arithmetic"),
            ("f(*a)", "function calls without keywords"),
            ("f(a=1)", "function calls without keywords"),
            ("f(a)(b)", "Fix: remove the call"),
            ("await a", "Fix: remove the await"),
            ("0x10", "Fix: remove '0x10'"),
            ("1_000", "Fix: remove '1_000'"),
            ("ü + 1", "numbers, names, operators and round brackets"),
            ("1e999", "numbers below 1e308"),
            ("a # b\n+ c", "an expression such as|numbers, names"),
            ("a \\\n + b", "Fix: remove"),
        ],
    )
    def test_what_is_no_arithmetic_is_refused(self, text, message):
        with pytest.raises(InvalidValueError, match=rf"^A\.b: (.|\n)*(?:{message})"):
            parse("A.b", text)

    def test_no_text(self):
        with pytest.raises(InvalidTypeError, match=r"A\.b: expected an expression\.\nReceived: 3"):
            parse("A.b", 3)


#: Every operator, joining what stands at a and b.
JOINED = [
    *(f"{{a}} {sign} {{b}}" for sign in "+ - * / // % ** < <= > >= == != and or".split()),
    "-{a}",
    "not {a}",
    "clip({a}, {b}, 1)",
]


def operators(names: str) -> list[str]:
    """Return texts in which each operator stands within each other, on both sides, in brackets."""
    (one, two, three), found = names, []
    for outer, inner in itertools.product(JOINED, JOINED):
        nested = f"({inner.format(a=one, b=two)})"
        found += [outer.format(a=nested, b=three), outer.format(a=three, b=nested)]
    return found


class TestOperators:
    def test_no_bracket_that_matters_is_lost_and_no_other_is_kept(self):
        """Python's own parser and writer are the judge."""
        for text in operators("abc"):
            tree = ast.parse(text, mode="eval").body
            written = render(parse("A.b", text))
            assert ast.dump(ast.parse(written, mode="eval").body) == ast.dump(tree), text
            if not re.search(r"and|or|not|\*\* \(-", text):  # where its writer keeps some that need not be
                assert written.replace(" ", "") == ast.unparse(tree).replace(" ", ""), text
        assert render(parse("A.b", "a**(-b)")) == "a**-b"
        assert render(parse("A.b", "(a and (not b)) or (c < d)")) == "a and not b or c < d"

    def test_what_they_mean_is_what_brian2_says(self):
        """Dimension and kind, or that there is none, for numbers of each kind and unit."""
        kinds = {"float": np.float64, "integer": np.int32, "boolean": np.bool_}
        variables = {"clip": DEFAULT_FUNCTIONS["clip"]}
        for name, of in NAMES.items():
            dim = get_or_create_dimension(of.dimension)
            variables[name] = Constant(name, kinds[of.kind](1), dimensions=dim)
        understood = 0
        for names in ("vvv", "vxn", "nnx", "bbb", "xnv", "vvb", "nnn"):
            for text in operators(names):
                try:
                    found = Reader("A.b", NAMES).read(parse("A.b", text))
                except TensionError:
                    continue
                understood += 1
                assert tuple(parse_expression_dimensions(text, variables)._dims) == found.dimension, text
                if found.kind != "boolean" and "**" not in text:
                    assert brian_ast(text, variables).dtype == found.kind, text
        assert understood == 885


class TestConditionsAndStatements:
    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("v", InvalidValueError, "A: expected a condition.\nReceived: 'v'\nFix: as in v > 1."),
            ("v > 1", UnitsError, "A: expected terms of one unit, not volt and 1 (no unit)."),
            ("v > u*volt", UnknownNameError, "A: expected a known variable, parameter or unit."),
            ("v > 1*volt and x", InvalidValueError, "A: expected a condition beside and, or, not; x is a number."),
            ("b + 1 > 0", InvalidValueError, "A: expected a number, not the condition b.\nReceived: 'b + 1 > 0'"),
            ("b > 0", InvalidValueError, "Fix: write int(b)."),
            ("v > 1*volt\nv = 0", InvalidValueError, "Fix: remove '='."),
        ],
    )
    def test_bad_condition(self, text, error, message):
        with pytest.raises(error) as caught:
            read_condition("A", text, NAMES)
        assert message in str(caught.value)

    def test_good(self):
        assert read_condition("A", "(v>=w) or not b # peak", NAMES) == "v >= w or not b"
        text = read_statements("A", "v = w; x *= 2\nn+=1 # count\ny = 2*v\nv -= y;b=x>1", NAMES, {*"vxnb"})
        assert text == "v = w\nx *= 2\nn += 1\ny = 2*v\nv -= y\nb = x > 1"
        assert read_statements("A", "\nv = w\n\n# between\n;; x *= 2\n", NAMES, {*"vx"}) == "v = w\nx *= 2"

    def test_the_nearest_variable_is_proposed(self):
        with pytest.raises(InvalidValueError, match=r"Received: 'raisd'\nFix: did you mean 'raised'\?"):
            read_statements("A", "raisd += w", NAMES | {"raised": NAMES["v"]}, {"raised", "v"})

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("v", InvalidValueError, 'A: expected statements such as "v = v_reset" or "u += d".\nReceived: \'v\''),
            ("v == w", InvalidValueError, "A: expected statements such as"),
            ("v = w = x", InvalidValueError, "Fix: remove '='."),
            ("v **= 2", InvalidValueError, "A: expected statements such as"),
            ("tau = 1*second", InvalidValueError, "A: expected a variable that may change (b, n, v, x).\nReceived: 'tau'"),  # noqa: E501
            ("y += 1", InvalidValueError, "A: expected a variable that may change"),
            ("v = 1", UnitsError, "A: v: expected a value in volt.\nReceived: '1'\nFix: its unit is 1 (no unit)."),
            ("v *= w", UnitsError, "A: v: expected a factor in 1 (no unit).\nReceived: 'w'"),
            ("n = 1.5", InvalidValueError, "A: n: expected a value: a whole number."),
            ("n /= 2", InvalidValueError, "A: n: expected '=' for a integer variable."),
            ("b = 1", InvalidValueError, "A: b: expected a value: a condition."),
            ("x = b", InvalidValueError, "A: x: expected a value: a number."),
            ("import os", InvalidValueError, "A: expected statements such as"),
            ("v\u00fc = 1", InvalidValueError, "A: expected statements such as"),
            ("int = 1", InvalidValueError, "'int' is a function or constant of equations: choose another name."),
        ],
    )  # fmt: skip
    def test_bad_statements(self, text, error, message):
        with pytest.raises(error) as caught:
            read_statements("A", text, NAMES, {*"vxnb"})
        assert message in str(caught.value)


def equations(text: str, **options) -> None:
    names = {"tau": Meaning(SECOND), "k": Meaning(), "I": Meaning(VOLT)}
    check_equations("A", read_equations("A", text), names, shared={"tau", "k"}, **options)


class TestEquations:
    def test_written_anew(self):
        read = read_equations(
            "A", "# all\n dv / dt=( I-v)/ tau:volt\nb:boolean\n x = 2*\n k : 1 (constant over  dt) # x\n"
        )
        assert [str(each) for each in read] == [
            "dv/dt = (I - v)/tau : volt",
            "b : boolean",
            "x = 2*k : 1 (constant over dt)",
        ]
        Equations("\n".join(map(str, read)))

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("v", InvalidValueError, "A: expected equations such as"),
            ("dv/dt : volt", InvalidValueError, "A: expected a formula of dv/dt."),
            ("v : volt\nv : 1", InvalidValueError, "A: expected one equation a variable.\nReceived: 'v'"),
            ("tau : second", InvalidValueError, "A: expected names that are used once.\nReceived: 'tau'"),
            ("v : mV", InvalidValueError, "A: v: expected a unit without a scale.\nReceived: 'mV'\nFix: write volt;"),
            ("v : cm2", InvalidValueError, "Fix: write metre**2;"),
            ("v : vlot", UnknownNameError, "A: v: expected a known unit.\nReceived: 'vlot'\nFix: did you mean 'volt'?"),
            ("v : 2*volt", InvalidValueError, "A: v: expected a unit such as"),
            ("v : unit", UnknownNameError, "A: v: expected a known unit.\nReceived: 'unit'"),
            ("v : system(1)", InvalidValueError, "A"),
            ("v : volt (refractory)", InvalidValueError, "A: v: expected a flag of a parameter equation ("),
            ("dv/dt = -v/tau : volt (unless refractory)", InvalidValueError, "A: v: expected no flag 'unless refractory' without a refractory clause.\nReceived: 'unless refractory'\nFix: say for how long, with the key refractory = \"2*ms\" of a neuron file."),  # noqa: E501
            ("dv/dt = -v : volt", UnitsError, "A: v: expected dv/dt in m^2 kg s^-4 A^-1.\nReceived: '-v'\nFix: its unit is volt."),  # noqa: E501
            ("x = v : 1\nv : volt", UnitsError, "A: x: expected x in 1 (no unit)."),
            ("x = k > 1 : 1", InvalidValueError, "A: x: expected x: a number."),
            ("x = k : boolean", InvalidValueError, "A: x: expected x: a condition."),
            ("x = k : integer", InvalidValueError, "A: x: expected x: a whole number."),
            ("dx/dt = k/tau : integer", InvalidValueError, "A: x: expected a unit, for it changes."),
            ("x = y : 1\ny = x : 1", InvalidValueError, "A: x: expected no circle of definitions.\nReceived: 'x -> y -> x'"),  # noqa: E501
            ("x = exp(I) : 1", UnitsError, "A: x: expected a plain number inside exp()."),
            ("x = exp(k, k) : 1", InvalidValueError, "A: x: expected exp() with one argument."),
            ("x = expp(k) : 1", UnknownNameError, "A: x: expected a known function.\nReceived: 'expp'\nFix: did you mean 'exp'"),  # noqa: E501
            ("x = exp : 1", UnknownNameError, "A: x: expected a known variable, parameter or unit."),
            ("x = kk : 1", UnknownNameError, "A: x: expected a known variable, parameter or unit.\nReceived: 'kk'"),
            ("x = rand() : 1 (constant over dt)", InvalidValueError, "A: x: expected noise that is the same on every target.\nReceived: 'rand'\nFix: write standard_uniform(noise_seed, t_in_timesteps, i) in place of rand()."),  # noqa: E501
            ("dx/dt = randn()/tau : 1", InvalidValueError, "Fix: write standard_normal(noise_seed, t_in_timesteps, i) in place of randn()."),  # noqa: E501
            ("x = k*poisson(3) : 1", InvalidValueError, "Fix: write a condition such as int(standard_uniform(noise_seed, t_in_timesteps, i) < rate*dt) in place of poisson()."),  # noqa: E501
            ("dx/dt = xi/tau**0.5 : 1", InvalidValueError, "A: x: expected noise that is the same on every target.\nReceived: 'xi'\nFix: write standard_normal(noise_seed, t_in_timesteps, i)/sqrt(dt) in place of xi."),  # noqa: E501
            ("dx/dt = xi_2/tau**0.5 : 1", InvalidValueError, "/sqrt(dt) in place of xi_2."),
            ("x = 1/0 : 1", InvalidValueError, "A: x: expected no division by zero."),
            ("x = k/(k - k) : 1", InvalidValueError, "A: x: expected no division by zero."),
            ("x = k/(1 - int(k < k + 1)) : 1", InvalidValueError, "A: x: expected no division by zero."),
            ("x = k/sin(int(i > 1)) : 1", InvalidValueError, "A: x: expected no division by zero."),
            ("x = k // (k*int(k < 3)) : 1", InvalidValueError, "A: x: expected no division by zero."),
            ("x = k/(1 + int(k < 3)) : 1", InvalidValueError, "A: x: expected no division by 1 + int(k < 3).\nReceived: 'k/(1 + int(k < 3))'\nFix: multiply by int(), or write a number with a point, as in 1.0 + int(x < 3)."),  # noqa: E501
            ("x = (k*(i + int(k < 3)))**-2 : 1", InvalidValueError, "A: x: expected no division by i + int(k < 3)."),
            ("x = log(int(k < 3)) : 1", InvalidValueError, "A: x: expected a value of log(int(k < 3))."),
            ("x = log(0) : 1", InvalidValueError, "A: x: expected a"),
            ("x = sqrt(-1) : 1", InvalidValueError, "A: x: expected a"),
            ("x = sqrt(-k**2) : 1", InvalidValueError, "A: x: expected a value of sqrt(-k**2)."),
            ("x = 9**9**9 : 1", InvalidValueError, "A: x: expected exponents of at most 100."),
            ("x = 3000000000 : 1", InvalidValueError, "A: x: expected whole numbers of at most 2147483647."),
            ("x = k*2**31 : 1", InvalidValueError, "A: x: expected whole numbers of at most 2147483647."),
            ("x = i**-1 : 1", InvalidValueError, "A: x: expected a whole number from 0 on as exponent of the whole number i."),  # noqa: E501
            ("x = I**k : 1", InvalidValueError, "A: x: expected a plain number as exponent."),
            ("x = inf : 1", InvalidValueError, "A: x: expected inf as a bound of clip() alone."),
            ("x = k*i : 1 (shared)", InvalidValueError, "A: x: expected a shared variable of shared ones.\nReceived: ['i']"),  # noqa: E501
            ("x = standard_normal(k, 1, i) : 1", InvalidValueError, "A: x: expected whole numbers inside standard_normal()."),  # noqa: E501
            ("dx/dt = (k + x)**100/tau : 1", InvalidValueError, "expected formulas of at most 5000 parts"),
            ("x = timestep(k, dt) : integer", UnitsError, "A: x: expected times inside timestep().\nReceived: 'timestep(k, dt)'\nFix: give them in seconds."),  # noqa: E501
            ("x = I//2 : volt", UnitsError, "A: x: expected plain numbers beside //.\nReceived: 'I//2'\nFix: divide by a unit first."),  # noqa: E501
            ("x = 2//I : 1", UnitsError, "A: x: expected plain numbers beside //."),
            ("x = I + k : volt", UnitsError, "A: x: expected terms of one unit, not volt and 1 (no unit).\nReceived: 'I + k'\nFix: give both terms the same unit."),  # noqa: E501
            ("x = clip(I, 0, 1) : volt", UnitsError, "A: x: expected terms of one unit, not volt and 1 (no unit)."),
            ("x = clip(I, I, 1) : volt", UnitsError, "A: x: expected terms of one unit, not volt and 1 (no unit)."),
            ("x = exp(800) : 1", InvalidValueError, "A: x: expected a finite value of exp(800)."),
            ("x = tan(pi/2) : 1", InvalidValueError, "A: x: expected a finite value of tan(pi/2)."),
            ("x = k*(k > 1) : 1", InvalidValueError, "A: x: expected a number, not the condition k > 1."),
            ("x = True : 1", InvalidValueError, "A: x: expected x: a number.\nReceived: 'True'\nFix: write int(...) around a condition."),  # noqa: E501
            ("x = standard_normal(1, 1) : 1", InvalidValueError, "A: x: expected standard_normal() with 3 arguments."),
            ("x = 'a' : 1", InvalidValueError, "A: x: expected a number.\nReceived: \"'a'\"\nFix: write a plain number, with its unit after a '*'."),  # noqa: E501
            ("v : siemens/metre**2.5.5", InvalidValueError, "A: v: "),
            ("v : volt**k", InvalidValueError, "A: v: expected a unit such as \"volt\", \"1/second\" or \"siemens/metre**2\".\nReceived: 'volt**k'"),  # noqa: E501
            ("x : 1\nv\ny : 1", InvalidValueError, "or \"x : 1\".\nReceived: 'v'"),
            ("v = 2", InvalidValueError, "A: expected equations such as \"dv/dt = -v/tau : volt\", \"x = 2*v : volt\" or \"x : 1\".\nReceived: 'v = 2'"),  # noqa: E501
            ("v\u00fc : 1", InvalidValueError, "A: expected equations such as"),
            ("dv\u00fc/dt = 1 : 1", InvalidValueError, "A: expected equations such as"),
            ("int : 1", InvalidValueError, "A: expected a name that is free.\nReceived: 'int'"),
        ],
    )  # fmt: skip
    def test_bad(self, text, error, message):
        with pytest.raises(error) as caught:
            equations(text)
        assert message in str(caught.value)

    @pytest.mark.parametrize(
        "divisor", ["1.0 + int(k < 3)", "k + int(i > 1)", "int(k)", "i + 1", "exp(int(k < 3))", "exp(0.5) - 1"]
    )
    def test_a_divisor_of_conditions_that_is_a_number(self, divisor):
        equations(f"x = k/({divisor}) : 1")

    @pytest.mark.parametrize("sum_", ["k + 0", "k - 0", "k + 0*k"])
    def test_a_zero_that_is_added_divides_nothing(self, sum_):
        equations(f"x = {sum_} : 1")

    def test_growth_by_substitution_is_refused(self):
        lines = [f"s{k} = s{k + 1} + s{k + 1} : 1" for k in range(50)]
        with pytest.raises(InvalidValueError, match="formulas of at most 5000 parts"):
            equations("\n".join([*lines, "s50 = k : 1"]))

    def test_the_exponential_method_needs_a_linear_formula(self):
        equations("dv/dt = (I - v*x)/tau : volt\nx = k**2 : 1", method="exponential_euler")
        equations("dv/dt = (I - v*x)/tau : volt\nx = (v/volt)**2 : 1", method="rk4")
        with pytest.raises(InvalidValueError, match=r"A: v: expected a formula that is linear in v"):
            equations("dv/dt = (I - v*x)/tau : volt\nx = (v/volt)**2 : 1", method="exponential_euler")
        with pytest.raises(InvalidValueError, match="linear in a, b"):
            check_linear("A", parse("A", "a*b"), {"a", "b"})

    def test_methods(self):
        with pytest.raises(UnknownNameError, match="did you mean 'euler'"):
            check_method("A", "eulr")
        with pytest.raises(InvalidValueError, match="it needs the GNU Scientific Library"):
            check_method("A", "gsl_rk4")


class TestDoor:
    def test_code_of_a_group(self):
        code = check_code(
            ["a", "b"], equations="dr/dt=-r/tau:1\nunit:volt (shared,constant)", parameters={"tau": SECOND}, method="euler",  # noqa: E501
            filters=["r"], threshold="r>1", reset="r=0;", rate="",
        )  # fmt: skip
        assert code["equations"] == "dr/dt = -r/tau : 1\nunit : volt (shared, constant)"
        assert (code["threshold"], code["reset"]) == ("r > 1", "r = 0")

    def test_both_files_are_named(self):
        with pytest.raises(
            InvalidValueError, match=re.escape("a.toml with b.toml: equations: expected one equation a")
        ):
            check_code(["a", "b"], equations="x : 1\nx : 1", parameters={}, method="euler")

    def test_names_of_a_circuit_pass_where_it_writes_the_code_itself(self):
        texts = {"equations": "a : 1\nunit : 1", "parameters": {}, "method": "euler", "threshold": "a > 1"}
        code = check_code([], **texts, rate="z_now = 2*a\na = z_now", reset="rate_time = a\na = rate_time")
        assert (code["rate"], code["reset"]) == ("z_now = 2*a\na = z_now", "rate_time = a\na = rate_time")
        for key in ("rate", "reset"):
            with pytest.raises(InvalidValueError, match=f"equations: {key}: expected a name that is free"):
                check_code([], **texts, **{key: "volt = a"})

    def test_what_does_not_change_is_not_assigned(self):
        texts = {"equations": "a : 1\nb : 1 (constant)\nc : 1 (shared)", "parameters": {}, "method": "euler"}
        for key, name in itertools.product(("rate", "reset"), "bc"):
            with pytest.raises(InvalidValueError, match=rf"{key}: expected a variable that may change \(a\)"):
                check_code([], **texts, **{key: f"{name} = 1"})

    def test_errors_of_rules(self):
        assert check_error_code("A", "f(z)-y") == "f(z) - y"
        with pytest.raises(UnknownNameError, match="A: expected a known variable of a rule"):
            check_error_code("A", "z - q", ["z", "y"])
        with pytest.raises(UnknownNameError, match="A: expected a known function"):
            check_error_code("A", "system(z)", ["z", "y"])
