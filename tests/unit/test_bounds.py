"""Every limit at both sides of its bound: the last value that passes, and the first that is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tension_sim import (
    Checkpoint,
    Connector,
    FittedNetwork,
    ForceNetwork,
    InvalidValueError,
    Learning,
    Network,
    Plastic,
    Population,
    Readout,
    Record,
    SparseKernel,
    Traces,
    firing_rate,
    load_neuron,
    mean_input,
)
from tension_sim.declare.arrays_in import numbers, whole_numbers
from tension_sim.declare.delays import steps_of
from tension_sim.declare.language import Meaning, check_equations, check_linear, declared_unit, parse, read_equations
from tension_sim.declare.language.unit_table import BASE_UNITS
from tension_sim.declare.parameter_checks import check_parameters
from tension_sim.declare.populations.naming import check_part_name
from tension_sim.declare.units import Quantity, evaluate
from tension_sim.declare.validation import check_whole, check_window
from tension_sim.errors import OutOfMemoryError

RNG = np.random.default_rng(0)
SECOND, VOLT = BASE_UNITS["second"], BASE_UNITS["volt"]


def check(text: str, **options) -> None:
    names = {"tau": Meaning(SECOND), "k": Meaning(), "u": Meaning(VOLT)}
    check_equations("A", read_equations("A", text), names, shared={"tau", "k", "u"}, **options)


def refused(text: str, expected: str, **options) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(expected)):
        check(text, **options)


class TestTexts:
    def test_an_expression_of_1000_characters(self):
        assert evaluate("1*" + "1" * 298 + "." + "0" * 699, "A.b").value == pytest.approx(10**298 / 9)
        assert len(parse("A.b", "a" * 1000).id) == 1000
        with pytest.raises(InvalidValueError, match="expected an expression of at most 1000 characters"):
            parse("A.b", "a" * 1001)
        with pytest.raises(InvalidValueError, match='expected a number, or an expression such as "10'):
            evaluate("1*" + "1" * 298 + "." + "0" * 700, "A.b")

    @pytest.mark.parametrize("deeper", ["-{}", "abs({})", "(1 + {})", "({} + 1)", "not {}", "k*{}", "clip(0, {}, 1)"])
    def test_an_expression_nested_60_deep(self, deeper):
        text = "a"
        for _ in range(60):
            text = deeper.format(text)
        parse("A.b", text)
        with pytest.raises(InvalidValueError, match="expected an expression nested at most 60 deep"):
            parse("A.b", deeper.format(text))

    def test_equations_of_20000_characters(self):
        text = "x : 1 #"
        check(text + "a" * (20_000 - len(text)))
        refused(text + "a" * (20_001 - len(text)), "A: expected at most 20000 characters")

    def test_a_file_of_a_million_bytes(self, tmp_path):
        lines = (
            'kind = "rate"\nequations = "da/dt = (I + F + E - a)/tau : 1"\nrate = "activation(a)"\nactivation = '
            '"tanh"\nmembrane = "a"\n[inputs]\nrecurrent = "I"\nfeedback = "F"\nexternal = "E"\n'
            '[parameters]\ntau = "10*ms"\n#'
        )
        path = tmp_path / "large.toml"
        path.write_text(lines + "a" * (1_000_000 - len(lines)), encoding="utf-8")
        assert load_neuron(path).membrane == "a"
        path.write_text(lines + "a" * (1_000_001 - len(lines)), encoding="utf-8")
        with pytest.raises(InvalidValueError, match="large.toml: expected a file of at most 1 MB"):
            load_neuron(path)

    def test_a_power_of_12_in_a_unit(self):
        for power in (12, -12, 12.0, 0.25):
            dimension = declared_unit("A.b", f"metre**{power}")[1].dimension
            assert dimension == (power, 0, 0, 0, 0, 0, 0)
        for power in (13, -13, 12.5):
            with pytest.raises(InvalidValueError, match="A.b: expected a unit such as"):
                declared_unit("A.b", f"metre**{power}")


class TestSizesOfFormulas:
    """Counted by hand: a name has one part, an operator or a function one more than what it joins."""

    DOUBLED = "\n".join(["p0 = k : 1", *(f"p{j} = p{j - 1}*p{j - 1} : 1" for j in range(1, 12))])
    SUMS = "\n".join(["s0 = k : 1", *(f"s{j} = s{j - 1} + s{j - 1} : 1" for j in range(1, 11))])
    #: 2500 factors are 4999 parts; 2000 and 1000 terms.
    FACTORS, TERMS, HALF = "p11*p8*p7*p6*p2", "s10 + s9 + s8 + s7 + s6 + s4", "s9 + s8 + s7 + s6 + s5 + s3"

    def test_5000_parts(self):
        check(f"{self.DOUBLED}\nx = -({self.FACTORS}) : 1")
        refused(
            f"{self.DOUBLED}\nx = --({self.FACTORS}) : 1", "expected formulas of at most 5000 parts, nested at most"
        )
        check(f"{self.DOUBLED}\ndx/dt = -(p11*p8*p7*p6*p1*k)/tau : 1")
        refused(f"{self.DOUBLED}\ndx/dt = {self.FACTORS}/tau : 1", "expected formulas of at most 5000 parts")

    def test_nested_120_deep(self):
        deep = f"x = {'-' * 60}k : 1\ny = {'-' * 60}x : 1\n"
        check(deep)
        refused(f"{deep}z = -y : 1", "expected formulas of at most 5000 parts, nested at most 120 deep")
        check(f"x = {'-' * 60}k : 1\ny = {'-' * 58}x : 1\ndz/dt = -y/tau : 1")
        refused(f"x = {'-' * 60}k : 1\ny = {'-' * 59}x : 1\ndz/dt = -y/tau : 1", "at most 120 deep")

    @pytest.mark.parametrize(
        "most",
        [
            TERMS,
            f"{HALF} - ({HALF})",
            f"-({TERMS})",
            "(s4 + s2)*(s6 + s5 + s2)",  # 20*100
            f"({TERMS})/(k + k)",
            f"({HALF})**k + ({HALF})",
            "(s1 + k)**6 + s10 + s7 + s6 + s5 + s4 + s2 + s1 + k",  # 729 and 1271
            "exp(s1) + s10 + s9 + s8 + s7 + s6 + s3 + s2 + s1 + k",  # 1 and 1999
        ],
    )
    def test_2000_terms(self, most):
        check(f"{self.SUMS}\nx = {most} : 1")

    @pytest.mark.parametrize(
        "more",
        [
            f"{TERMS} + k",
            f"{TERMS} - k",
            f"-({TERMS}) - k",
            "(s4 + s2)*(s6 + s5 + s2 + k)",  # 20*101
            f"({TERMS})/k + k",
            f"({HALF})**k + {HALF} + k",
            "s1**11",
            f"exp(k) + {TERMS}",
        ],
    )
    def test_more_terms(self, more):
        refused(f"{self.SUMS}\nx = {more} : 1", "multiplied out.")


class TestNumbersOfEquations:
    @pytest.mark.parametrize("whole", ["2147483647", "-2147483647", "2147483646 + 1", "2**30 + (2**30 - 1)"])
    def test_whole_numbers_of_32_bits(self, whole):
        check(f"x = k*({whole}) : 1")
        refused(f"x = k*({whole} + {whole[0]}1) : 1" if whole[0] == "-" else f"x = k*({whole} + 1) : 1", "2147483647.")

    @pytest.mark.parametrize("exponent", ["100", "-100", "99.5 + 0.5"])
    def test_exponents_to_100(self, exponent):
        check(f"x = k**({exponent}) : 1")
        beyond = exponent.replace("100", "101").replace("0.5", "0.75")
        refused(f"x = k**({beyond}) : 1", "A: x: expected exponents of at most 100")

    def test_a_zero_in_one_case_of_five_conditions(self):
        some = " + ".join(f"int(k > {j})" for j in range(1, 6))
        for count in (1, 2, 3, 4, 5):
            refused(f"x = k/({some} - {count}.0) : 1", "A: x: expected no division by zero")
        check(f"x = k/({some} - 6.0) : 1")
        check(f"x = k/({some} + int(k > 6) - 3.0) : 1")  # of more conditions, all or none are tried
        refused(f"x = k/({some} + int(k > 6) - 6.0) : 1", "A: x: expected no division by zero")

    @pytest.mark.parametrize("name", ["i", "N", "t_in_timesteps"])
    def test_numbers_of_neurons_and_steps_are_never_negative(self, name):
        check(f"x = sqrt({name}) : 1")
        for function in ("sqrt", "log", "log10"):
            refused(f"x = {function}(-1.0*{name}) : 1", f"A: x: expected a value of {function}(")

    @pytest.mark.parametrize("name", ["t", "dt"])
    def test_times_are_never_negative(self, name):
        check(f"x = sqrt({name}) : second**0.5")
        refused(f"x = sqrt(-{name}) : second**0.5", "A: x: expected a value of sqrt(")

    @pytest.mark.parametrize(
        ("good", "bad"),
        [
            ("log(1e-9)", "log(0.0)"), ("sqrt(0.0)", "sqrt(-1e-9)"), ("sqrt(k - k)", "sqrt(k - k - 1)"),
            ("tan(1.57)", "tan(1.5707963267948966)"), ("(-2.0)**3", "(-2.0)**0.5"), ("(k*k)**0.5", "(-1 - k*k)**0.5"),
            ("(k - k)**2", "(k - k)**-2"), ("1/(1e-3 + k*0)", "1/(0 + k*0)"), ("exp(709)", "exp(710)"),
            ("7 % 2", "7 % (k - k)"), ("7 // 2", "7 // (k - k)"), ("clip(k, -inf, inf)", "clip(k, -inf, inf) + inf"),
            ("sqrt(clip(k, 0, inf))", "sqrt(clip(k, 0, inf) + inf)"), ("log(clip(k, 1, inf))", "log(k - k)"),
            ("2.0**-1", "i**-1"), ("i**0", "i**1.0*i**(0 - 1)"),
        ],
    )  # fmt: skip
    def test_values_that_are_none(self, good, bad):
        check(f"x = {good} : 1")
        with pytest.raises(InvalidValueError, match="A: x: expected "):
            check(f"x = {bad} : 1")

    @pytest.mark.parametrize(
        ("linear", "bent"),
        [
            ("-v/2 + 3", "-v/2 + v*v"), ("-(v - 2*v)", "v**2"), ("(2 + k)*v", "v/v"), ("v*exp(k)", "exp(v)"),
            ("v/exp(k)", "2/v"), ("v*y", "v*z"), ("k**2*v", "v**1"), ("y/2 - v", "abs(v)"), ("y", "y*z*z"),
            ("int(k > 2)*v", "int(v > 2)"), ("z - v", "z*z"), ("-z", "1/z"),
        ],
    )  # fmt: skip
    def test_linear_in_a_variable(self, linear, bent):
        formulas = {"y": parse("A", "2*k"), "z": parse("A", "3*v - 1")}
        check_linear("A", parse("A", linear), {"v"}, formulas)
        with pytest.raises(InvalidValueError, match="A: expected a formula that is linear in v"):
            check_linear("A", parse("A", bent), {"v"}, formulas)


class TestNumbersOfUsers:
    @pytest.mark.parametrize("minimum", [0, 1, 5])
    def test_whole_numbers(self, minimum):
        assert check_whole("A.b", minimum, minimum) == minimum
        for value in (minimum - 1, minimum + 0.5):
            with pytest.raises(InvalidValueError, match=f"A.b: expected a whole number, at least {minimum}"):
                check_whole("A.b", value, minimum)
        assert check_whole("A.b", 2**63 - 1, minimum) == 2**63 - 1
        with pytest.raises(InvalidValueError, match=re.escape("A.b: expected a whole number below 2**63")):
            check_whole("A.b", 2**63, minimum)
        assert check_whole("A.b", -3, None) == -3

    def test_a_window(self):
        check_window("A.b", 3, 3)
        with pytest.raises(InvalidValueError, match="A.b: expected stop at or after start"):
            check_window("A.b", 3, 2)

    def test_whole_numbers_that_float64_holds(self):
        for value in (2**53, -(2**53), 2**53 + 2, 2**60):
            assert numbers("A.b", [value], "numbers").tolist() == [value]
            assert numbers("A.b", [value, None], "numbers", gaps=True)[0] == value
        for value in (2**53 + 1, -(2**53) - 1, 2**63 - 1):
            with pytest.raises(InvalidValueError, match=r"A\.b: expected numbers that float64 holds"):
                numbers("A.b", [value], "numbers")
            with pytest.raises(InvalidValueError, match=r"A\.b: expected numbers that float64 holds"):
                numbers("A.b", [0, value, 0], "numbers")

    def test_a_mask_is_found_under_33_lists(self):
        value = np.ma.masked_array([1.0, 2.0], [False, True])
        for _ in range(33):
            value = [value]
        assert np.isnan(numbers("A.b", value, "numbers", gaps=True)).ravel().tolist() == [False, True]

    def test_indices(self):
        assert whole_numbers("A.b", [0, 4], "a list", below=5).tolist() == [0, 4]
        for value in (-1, 5):
            with pytest.raises(InvalidValueError, match="A.b: expected neurons from 0 to 4"):
                whole_numbers("A.b", [0, value], "a list", below=5)

    @pytest.mark.parametrize(("name", "low", "high"), [
        ("relaxation", 0, 1 - 1e-9), ("forgetting", 1e-9, 1), ("probability", 1e-9, 1), ("alpha_P", 1e-300, 1e300),
        ("update_every", 1, 10**9), ("start", 0, 10**9), ("stop", 0, 10**9),
    ])  # fmt: skip
    def test_numbers_of_learning(self, name, low, high):
        for value in (low, high):
            assert getattr(Learning(**{"alpha_P": 1.0, name: value}), name) == value
        beyond = {"relaxation": (-1e-9, 1), "forgetting": (0, 1 + 1e-9), "probability": (0, 1 + 1e-9)}
        for value in beyond.get(name, (low - 1,)):
            with pytest.raises(InvalidValueError, match=f"^Learning.{name}: expected "):
                Learning(**{"alpha_P": 1.0, name: value})

    @pytest.mark.parametrize(("name", "noticed", "lost", "text"), [
        ("relaxation", 6e-8, 2.9e-8, "expected 0, or at least 6e-08 in float32.\nReceived: 2.9e-08\nFix: less is lost"),
        ("forgetting", 0.99999994, 1 - 1e-8, "expected 1, or at most 0.99999994 in float32.\nReceived: 0.99999999\n"),
    ])  # fmt: skip
    def test_what_numbers_of_a_type_do_not_notice(self, name, noticed, lost, text):
        weights = np.zeros((5, 1))
        kernel = SparseKernel.from_dense(np.ones((5, 5)))
        for value in (noticed, lost):
            rule = Learning(alpha_P=1.0, **{name: value})
            made = {
                "Learning": lambda dtype, rule=rule: ForceNetwork(
                    "echo_state", None, 5, 1e-3, None, None, weights, learning=rule, dtype=dtype
                ),
                "Learning ": lambda dtype, rule=rule: ForceNetwork(
                    "echo_state", None, 5, 1e-3, None, None, None, dtype=dtype,
                    plastic=Plastic(kernel, rule, error="input"),
                ),
                "Network.readouts['z'].learning": lambda dtype, rule=rule: Network(
                    {"a": Population("lif", 5)}, readouts={"z": Readout("a", weights, learning=rule)}, dt=1e-4,
                    dtype=dtype,
                ),
            }  # fmt: skip
            for where, make in made.items():
                make("float64")
                if value == noticed:
                    make("float32")
                    continue
                with pytest.raises(InvalidValueError) as error:
                    make("float32")
                assert f"{where.strip()}.{name}: {text}" in str(error.value)

    def test_learning_that_ends_where_it_begins(self):
        assert Learning(1.0, start=7, stop=7).stop == 7
        with pytest.raises(InvalidValueError, match="Learning.stop: expected stop at or after start"):
            Learning(1.0, start=7, stop=6)


class TestDelays:
    def test_100000_steps(self):
        assert steps_of("A.b", np.array([10.0]), 1e-4).tolist() == [100_000]
        with pytest.raises(InvalidValueError, match=r"A\.b: expected at most 100000 time steps \(10 s\)"):
            steps_of("A.b", np.array([10.0001]), 1e-4)

    @pytest.mark.parametrize("steps", [0, 1, 10, 1000])
    def test_a_millionth_beside_a_step(self, steps):
        off = 1e-6 * max(steps, 1)
        assert steps_of("A.b", np.array([(steps + 0.9 * off) * 0.5]), 0.5).tolist() == [steps]
        with pytest.raises(InvalidValueError, match="A.b: expected multiples of the time step 0.5 s"):
            steps_of("A.b", np.array([(steps + 1.1 * off) * 0.5]), 0.5)


class TestScales:
    """Threshold, reset and noise lie within a factor of a million."""

    def test_noise_beside_the_threshold(self):
        assert np.isfinite(mean_input(1.0, 0.99e6))
        for span, sigma in ((1.01e6, 1.0), (1.0, 1.01e6)):
            with pytest.raises(InvalidValueError, match="expected sigma, threshold and reset within a factor of"):
                mean_input(1.0, sigma, threshold=span)

    def test_the_distance_of_threshold_and_reset(self):
        for low in (0.99e6 - 1, -0.99e6):
            mean = mean_input(1.0, 1.0, threshold=low + 1, reset=low)
            assert firing_rate(mean - low, 1.0) == pytest.approx(1.0, rel=1e-6)
        for low in (1.01e6 - 1, -1.01e6):
            with pytest.raises(InvalidValueError, match="expected sigma, threshold and reset within a factor of"):
                mean_input(1.0, 1.0, threshold=low + 1, reset=low)

    def test_what_the_arguments_are_by_default(self):
        assert firing_rate(0.8, 0.3) == firing_rate(0.8, 0.3, tau=0.01, threshold=1.0, reset=0.0)
        assert mean_input(7.0, 0.3) == mean_input(7.0, 0.3, tau=0.01, threshold=1.0, reset=0.0)
        assert mean_input(0.0, 0.3) == mean_input(0.1, 0.3)


class TestTimeConstants:
    """Where something is divided by a time constant, it is at least a step of Euler's method."""

    @staticmethod
    def neuron(tmp_path, formula: str, method: str = "euler"):
        path = tmp_path / "own.toml"
        path.write_text(
            f'kind = "rate"\nequations = "da/dt = {formula} : 1"\nrate = "activation(a)"\nactivation = "tanh"\n'
            f'method = "{method}"\nmembrane = "a"\n[inputs]\nrecurrent = "I"\nfeedback = "F"\nexternal = "E"\n'
            '[parameters]\nt_a = "10*ms"\nt_b = "10*ms"\n', encoding="utf-8",
        )  # fmt: skip
        return load_neuron(path)

    def check(self, neuron, dt: float, **times: float) -> None:
        values = {name: Quantity(times.get(name, 0.01), SECOND) for name in ("t_a", "t_b")}
        check_parameters("A", neuron, [], values, dt)

    @pytest.mark.parametrize(
        "formula",
        ["(I + F + E - a)/t_a + 0/t_b", "(I + F + E)/t_b - a*t_b/(2*t_a*t_b)", "(I + F + E - a)*t_b/t_a**2"],
    )
    def test_one_step(self, tmp_path, formula):
        neuron = self.neuron(tmp_path, formula)
        self.check(neuron, 0.01)
        self.check(neuron, 0.01, t_a=0.01 * (1 - 1e-10))
        with pytest.raises(InvalidValueError, match="A: parameters.t_a: expected a time constant of at least one"):
            self.check(neuron, 0.01, t_a=0.01 * (1 - 1e-8))

    def test_a_time_inside_a_function_may_be_shorter_but_not_zero(self, tmp_path):
        neuron = self.neuron(tmp_path, "(I + F + E - a*exp(-dt/t_b))/t_a")
        self.check(neuron, 0.01, t_b=1e-9)
        with pytest.raises(InvalidValueError, match="A: parameters.t_b: expected a time constant above 0"):
            self.check(neuron, 0.01, t_b=0.0)

    def test_a_time_that_is_no_divisor_may_be_zero_but_not_negative(self, tmp_path):
        neuron = self.neuron(tmp_path, "(I + F + E - a)*(1 + t_b/second)/t_a")
        self.check(neuron, 0.01, t_b=0.0)
        with pytest.raises(InvalidValueError, match="A: parameters.t_b: expected a time of at least 0"):
            self.check(neuron, 0.01, t_b=-1e-9)

    def test_the_exponential_method_takes_any_step(self, tmp_path):
        self.check(self.neuron(tmp_path, "(I + F + E - a)/t_a", "exponential_euler"), 1.0)


class TestMemory:
    """What does not fit is refused before any is drawn: 16 bytes a synapse, 40 where a weight takes two draws."""

    @pytest.mark.parametrize(
        ("draw", "gigabytes"),
        [
            (lambda rng: SparseKernel.random(10**6, 0.25, 1.0, rng), "4e+03"),
            (lambda rng: SparseKernel.random(2 * 10**6, 1, 1.0, rng), "6.4e+04"),
            (lambda rng: SparseKernel.fixed_outdegree(np.arange(1000), 10**9, 5 * 10**8, rng), "8e+03"),
            (lambda rng: Connector("all_to_all", 1).draw("A", (10**6, 2 * 10**6), "1", False, rng), "3.2e+04"),
            (lambda rng: Connector("pairwise_bernoulli", 1, p=0.25).draw("A", (10**6,) * 2, "1", True, rng), "4e+03"),
            (
                lambda rng: Connector("all_to_all", "rand() * randn()").draw("A", (10**6,) * 2, "1", False, rng),
                "4e+04",
            ),
            (
                lambda rng: Connector("fixed_indegree", 1, indegree=500).draw("A", (9**9, 10**9), "1", True, rng),
                "8e+03",
            ),
        ],
    )
    def test_forecast(self, draw, gigabytes):
        with pytest.raises(OutOfMemoryError, match=re.escape(f"Received: 'about {gigabytes} GB'\nFix: choose fewer ")):
            draw(np.random.default_rng(0))


class TestSizes:
    @pytest.mark.parametrize(
        ("build", "good", "bad", "text"),
        [
            (lambda n: ForceNetwork.random(n=n), 1, 0, "ForceNetwork.n: expected a whole number, at least 1"),
            (lambda n: ForceNetwork.random(n=2, n_outputs=n), 1, 0, "ForceNetwork.n_outputs: expected a whole"),
            (lambda n: ForceNetwork.random(n=2, n_inputs=n), 0, -1, "ForceNetwork.n_inputs: expected a whole"),
            (lambda n: ForceNetwork.random(n=2, seed=n), 0, -1, "ForceNetwork.seed: expected a whole number"),
            (lambda p: ForceNetwork.random(n=2, p=p), 1, 1.01, "ForceNetwork.p: expected a number in (0, 1]"),
            (lambda n: Population("lif", n), 1, 0, "Population.n: expected a whole number, at least 1"),
            (lambda n: Network({"a": Population("lif", 1)}, seed=n), 0, -1, "Network.seed: expected a whole number"),
            (lambda t: Network({"a": Population("lif", 1)}, dt=t), 1e-9, 0, "Network.dt: expected a finite number"),
            (lambda n: Record(every=n), 1, 0, "Record.every: expected a whole number of time steps, at least 1"),
            (lambda n: Record(spikes_of=n), 0, -1, "Record.spikes_of: expected a whole number, at least 0"),
            (lambda i: Record(variables={"v": [i]}).check({"v": 0}, 3), 2, 3, "Record.variables['v']: expected n"),
            (lambda i: Record(variables={"v": [i]}).check({"v": 0}, {"v": 3}), 0, -1, "Record.variables['v']: exp"),
            (lambda t: Traces([0], [t]), 1e-9, 0.0, "Traces.tau: expected times above 0 seconds"),
            (lambda i: Traces([i], [1.0]), 0, -1, "Traces.neuron: expected a list of neurons, counted from 0"),
            (lambda i: ForceNetwork("lif", "double_exponential", 3, 1e-4, None, None, np.ones((1, 1)),
                                    traces=Traces([i], [1.0])), 2, 3, "Traces.neuron: expected neurons from 0 to 2"),
            (lambda k: SparseKernel.fixed_outdegree([1], 4, k, RNG), 3, 4, "SparseKernel.k: expected at most 3"),
            (lambda k: SparseKernel.fixed_outdegree([1], 4, k, RNG, themselves=True), 4, 5, "expected at most 4"),
            (lambda k: SparseKernel.fixed_outdegree([k], 4, 1, RNG), 3, 4, "SparseKernel.pre: expected neurons"),
            (lambda k: SparseKernel(2, [k], [0], [1.0], 3), 1, 2, "SparseKernel.pre: expected indices from 0 to 1"),
            (lambda k: SparseKernel(2, [0], [k], [1.0], 3), 2, 3, "SparseKernel.post: expected indices from 0 to 2"),
            (lambda k: SparseKernel(2, [], [], [], k), 1, 0, "SparseKernel.n_post: expected a whole number"),
            (lambda k: Connector("fixed_indegree", 1, indegree=k), 1, 0, "Connector.indegree: expected a whole number"),
            (lambda k: Connector("fixed_indegree", 1, indegree=k).draw("A", (4, 4), "1", True, RNG), 3, 4,
             "A.indegree: expected an in-degree of at most 3"),
            (lambda k: Connector("fixed_indegree", 1, indegree=k).draw("A", (4, 2), "1", False, RNG), 4, 5,
             "A.indegree: expected an in-degree of at most 4"),
            (lambda n: check_part_name("A.b", "a" * n), 40, 41, "A.b: expected names of at most 40 letters"),
            (lambda s: Checkpoint("somewhere", every=s), 1e-9, 0, "Checkpoint.every: expected a finite number above 0"),
            (lambda n: TestFitted.net(n_feedforward=n), 0, -1,
             "FittedNetwork.n_feedforward: expected a whole number, at least 0"),
        ],
    )  # fmt: skip
    def test_of_networks_and_their_parts(self, build, good, bad, text):
        build(good)
        with pytest.raises(InvalidValueError, match=re.escape(text)):
            build(bad)


class TestFitted:
    @staticmethod
    def net(**options) -> FittedNetwork:
        kernel = SparseKernel(3, [0, 1, 2], [1, 2, 0], np.zeros(3))
        return FittedNetwork(
            "lif_normalized",
            "euler_exponential",
            "euler_exponential",
            3,
            "0.1*ms",
            None,
            kernel,
            Learning(1.0),
            **options,
        )

    def test_groups(self):
        assert self.net(groups=[-1, 0, 1], row_sum=[0.0, 2.0]).groups.tolist() == [-1, 0, 1]
        for groups in ([-2, 0, 1], [0, 0.5, 1], [2**31, 0, 0]):
            with pytest.raises(InvalidValueError, match="FittedNetwork.groups: expected whole numbers from 0 on"):
                self.net(groups=groups, row_sum=[0.0, 2.0])
        with pytest.raises(InvalidValueError, match=r"FittedNetwork.row_sum: .* of shape \(2147483648,\)"):
            self.net(groups=[2**31 - 1, 0, 0], row_sum=[0.0, 2.0])

    def test_penalties_and_scales(self):
        assert self.net(groups=[0, 0, 0], row_sum=[0.0]).row_sum.tolist() == [0.0]
        with pytest.raises(InvalidValueError, match="FittedNetwork.row_sum: expected penalties of at least 0"):
            self.net(groups=[0, 0, 0], row_sum=[-1e-9])
        assert self.net(alpha_P=[1e-9, 1, 1]).alpha_P[0] == 1e-9
        with pytest.raises(InvalidValueError, match="FittedNetwork.alpha_P: expected numbers above 0"):
            self.net(alpha_P=[0.0, 1, 1])
