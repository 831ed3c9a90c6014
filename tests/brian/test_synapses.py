"""Weights of a user's own Synapses learn: spike for spike beside plain numpy loops.

Each case is a network of its own kind. On numpy it runs alone; the compiled targets run all in one program.
"""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
import pytest
from brian.synaptic_loops import Arrivals, Drive, Rls
from targets import Target, activated, assert_close, skip_unless_here

from tension_sim.brian import RLS, Signal
from tension_sim.errors import DivergenceError, InvalidValueError

DT, STEPS, TAU = 1e-4, 300, 5e-3
N_PRE, N_POST = 12, 5
RATES = np.linspace(80, 400, N_PRE)
MS = b2.ms


def sources(name: str) -> b2.NeuronGroup:
    """Neurons that spike at rates of their own, with a trace: `Drive` is the same in numpy."""
    group = b2.NeuronGroup(
        N_PRE, "dv/dt = drive : 1\ndr/dt = -r/(5*ms) : 1\ndrive : Hz (constant)", threshold="v > 1",
        reset="v = 0; r += 1", method="euler", name=name,
    )  # fmt: skip
    group.drive = RATES * b2.Hz
    group.v = np.linspace(0, 0.9, N_PRE)
    return group


def goal(rows: int = N_POST, scale: float = 1.0) -> np.ndarray:
    """Sines of different frequencies, that are not negative."""
    return scale * (1 + np.sin(np.arange(STEPS)[:, None] / (20 + 7 * np.arange(rows))))


def connected() -> tuple[np.ndarray, np.ndarray]:
    """Random partners in no order; the first two targets have the same ones, the last has none, one pair has two."""
    rng = np.random.default_rng(3)
    mask = rng.random((N_PRE, N_POST)) < 0.6
    mask[:, 1], mask[:, -1] = mask[:, 0], False
    pre, post = np.nonzero(mask)
    order = rng.permutation(len(pre))
    return np.append(pre[order], pre[0]), np.append(post[order], post[0] + 2)


def spikes_of(monitor: b2.SpikeMonitor) -> list[tuple[int, int]]:
    """Return step and neuron of each spike; those of a step are listed in any order on a GPU."""
    return sorted((round(float(t) / DT), int(i)) for t, i in zip(monitor.t_[:], monitor.i[:], strict=True))


def scaled(alpha: float) -> Any:
    return lambda sources: alpha * np.eye(len(sources))


class Case:
    """A network; `check` compares it with its loop once it has run."""

    objects: list[Any]
    rls: RLS

    def check_P(self, loop: Rls) -> None:
        found = self.rls.P if isinstance(self.rls.P, list) else [self.rls.P]
        for mine, wanted in zip(found, loop.P.values(), strict=True):
            assert_close(mine, wanted, what="P")


class Delays(Case):
    """Delays that differ, of one of two pathways; two synapses between one pair; an error of the neurons' own."""

    def __init__(self, label: str = "") -> None:
        self.pre, self.post = connected()
        self.delay = np.random.default_rng(1).integers(0, 40, len(self.pre))
        neurons = sources(f"{label}pre")
        readers = b2.NeuronGroup(
            N_POST, "dv/dt = (g - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1", threshold="v > 0.2", reset="v = 0",
            method="euler", name=f"{label}post",
        )  # fmt: skip
        pathways = {"late": "g_post += w", "early": "v_post += 0.01*w"}
        self.synapses = b2.Synapses(neurons, readers, "w : 1", on_pre=pathways, name=f"{label}synapses")
        self.synapses.connect(i=self.pre, j=self.post)
        self.synapses.late.delay = self.delay * DT * b2.second
        self.synapses.w = "0.01*(1 + i - j)"
        target = Signal(goal(), name=f"{label}goal")
        self.rls = RLS(
            self.synapses, target, weight="w", trace="r_pre", alpha_P=0.5, error="g_post - y", update_every=3,
            name=f"{label}rls",
        )  # fmt: skip
        self.monitor = b2.SpikeMonitor(readers, name=f"{label}spikes")
        self.objects = [neurons, readers, self.synapses, target, self.rls, self.monitor]

    def check(self) -> None:
        drive, w, y = Drive(RATES, DT, TAU), 0.01 * (1 + self.pre - self.post), goal()
        loop, late = Rls(self.pre, self.post, N_POST, scaled(0.5)), Arrivals(STEPS, self.pre, self.delay)
        v, g, spiked = np.zeros(N_POST), np.zeros(N_POST), []
        for k in range(STEPS):
            v, g = v + (g - v) * DT / 10e-3, g - g * DT / TAU
            spikes, mine = drive.spikes(), np.flatnonzero(v > 0.2)
            spiked += [(k, i) for i in mine]
            early = np.flatnonzero(np.isin(self.pre, spikes))
            np.add.at(v, self.post[early], 0.01 * w[early])
            arrived = late.of(k, spikes)
            np.add.at(g, self.post[arrived], w[arrived])
            drive.reset(spikes)
            v[mine] = 0
            if k % 3 == 0:
                loop.update(w, drive.r[self.pre], g - y[k])
        assert len(spiked) > 15
        assert spikes_of(self.monitor) == spiked
        assert_close(self.synapses.w, w, what="w")
        self.check_P(loop)
        assert [len(P) for P in self.rls.P] == sorted({*map(len, loop.rows)} - {0}, key=list(map(len, loop.rows)).index)


class Conductances(Case):
    """Conductances with a reversal potential and one delay for all; the trace of a SpikeGeneratorGroup is made."""

    def __init__(self, label: str = "") -> None:
        rng = np.random.default_rng(5)
        self.raster = rng.random((STEPS, N_PRE)) < 0.03
        steps, neurons = np.nonzero(self.raster)
        source = b2.SpikeGeneratorGroup(N_PRE, neurons, steps * DT * b2.second, name=f"{label}pre")
        readers = b2.NeuronGroup(
            N_POST,
            """dv/dt = (10*nS*(-70*mV - v) + g*(0*mV - v))/(200*pF) : volt
               dg/dt = -g/(5*ms) : siemens""",
            threshold="v > -60*mV", reset="v = -68*mV", method="euler", name=f"{label}post",
        )  # fmt: skip
        readers.v = -70 * b2.mV
        self.synapses = b2.Synapses(
            source, readers, "w : siemens", on_pre="g_post += w", delay=1.2 * MS, name=f"{label}synapses"
        )
        self.synapses.connect(condition="(i + j) % 3 != 0")
        self.synapses.w = "0.1*nS*(1 + j)"
        target = Signal(goal(scale=6.0) * b2.nS, name=f"{label}goal")
        self.rls = RLS(
            self.synapses, target, weight="w", trace=4 * MS, alpha_P=0.2, error="0.5*(z - y) + 0.5*(g_post - y)",
            start=2 * MS, name=f"{label}rls",
        )  # fmt: skip
        self.monitor = b2.SpikeMonitor(readers, name=f"{label}spikes")
        self.objects = [source, readers, self.synapses, target, self.rls, self.monitor]

    def check(self) -> None:
        pre, post = np.nonzero((np.arange(N_PRE)[:, None] + np.arange(N_POST)) % 3)
        w, y = 1e-10 * (1 + post), goal(scale=6.0) * 1e-9
        loop, late = Rls(pre, post, N_POST, scaled(0.2)), Arrivals(STEPS, pre, 12)
        v, g, r, spiked = np.full(N_POST, -70e-3), np.zeros(N_POST), np.zeros(N_PRE), []
        for k in range(STEPS):
            v, g = v + DT * (1e-8 * (-70e-3 - v) - g * v) / 200e-12, g - g * DT / TAU
            spikes, mine = np.flatnonzero(self.raster[k]), np.flatnonzero(v > -60e-3)
            spiked += [(k, i) for i in mine]
            arrived = late.of(k, spikes)
            np.add.at(g, post[arrived], w[arrived])
            r = r * np.exp(-DT / 4e-3) + self.raster[k]
            v[mine] = -68e-3
            if k >= 20:
                loop.update(w, r[pre], 0.5 * (loop.z(w, r[pre]) - y[k]) + 0.5 * (g - y[k]))
        assert len(spiked) > 15
        assert spikes_of(self.monitor) == spiked
        assert_close(self.synapses.w, w, what="w")
        assert self.synapses.w.dim is b2.siemens.dim
        self.check_P(loop)
        assert len(self.rls.P) == 3


class Depression(Case):
    """Tsodyks-Markram depression, with a trace of each synapse; some learn, at speeds of their own. Others beside."""

    ALPHA = np.linspace(0.3, 0.8, 2 * N_PRE - 3)

    def __init__(self, label: str = "") -> None:
        self.pre, self.post = connected()
        self.delay = np.random.default_rng(2).integers(0, 30, len(self.pre))
        neurons = sources(f"{label}pre")
        readers = b2.NeuronGroup(
            N_POST, "dv/dt = (g - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1", threshold="v > 0.2", reset="v = 0",
            method="euler", name=f"{label}post",
        )  # fmt: skip
        self.synapses = b2.Synapses(
            neurons,
            readers,
            """w : 1
               dx/dt = (1 - x)/(50*ms) : 1 (event-driven)
               ds/dt = -s/(5*ms) : 1 (clock-driven)
               plastic : boolean
               speed : 1""",
            on_pre="g_post += 0.4*x*w; s += 0.4*x; x -= 0.4*x",
            method="euler",
            name=f"{label}synapses",
        )
        self.synapses.connect(i=self.pre, j=self.post)
        self.synapses.delay = self.delay * DT * b2.second
        self.synapses.x = 1
        self.synapses.w = 0.3
        self.synapses.plastic = "i % 4 != j % 4"
        self.synapses.speed = "1/(1.0 + i)"
        self.plain = b2.Synapses(neurons[3:], readers, "w : 1", on_pre="g_post += w", name=f"{label}plain")
        self.plain.connect("(i + j) % 4 == 0")
        target = Signal(goal(), name=f"{label}goal")
        self.rls = RLS(
            [self.synapses, self.plain], target, weight="w", trace=["s", "r_pre"], trainable=["plastic", None],
            alpha_P=self.ALPHA, factor=["speed", None], error="g_post - y", update_every=2, name=f"{label}rls",
        )  # fmt: skip
        self.monitor = b2.SpikeMonitor(readers, name=f"{label}spikes")
        self.objects = [neurons, readers, self.synapses, self.plain, target, self.rls, self.monitor]

    def check(self) -> None:
        pre, post, y, n = self.pre, self.post, goal(), len(self.pre)
        drive, w, x, s, last = Drive(RATES, DT, TAU), np.full(n, 0.3), np.ones(n), np.zeros(n), np.zeros(n)
        beside, onto = np.nonzero((np.arange(N_PRE - 3)[:, None] + np.arange(N_POST)) % 4 == 0)
        learns = np.append(pre % 4 != post % 4, beside >= 0)
        speed = np.append(1 / (1.0 + pre), np.ones(len(beside)))
        loop = Rls(
            np.append(pre, N_PRE + beside), np.append(post, onto), N_POST, lambda some: np.diag(self.ALPHA[some]),
            learns, own=True,
        )  # fmt: skip
        w = np.append(w, np.zeros(len(beside)))
        late, v, g, spiked = Arrivals(STEPS, pre, self.delay), np.zeros(N_POST), np.zeros(N_POST), []
        for k in range(STEPS):
            v, g = v + (g - v) * DT / 10e-3, g - g * DT / TAU
            s -= s * DT / TAU
            spikes, mine = drive.spikes(), np.flatnonzero(v > 0.2)
            spiked += [(k, i) for i in mine]
            for a in late.of(k, spikes):
                x[a] = 1 + (x[a] - 1) * np.exp(-(k - last[a]) * DT / 50e-3)
                last[a] = k
                g[post[a]] += 0.4 * x[a] * w[a]
                s[a] += 0.4 * x[a]
                x[a] -= 0.4 * x[a]
            reached = np.flatnonzero(np.isin(beside + 3, spikes))
            np.add.at(g, onto[reached], w[n + reached])
            drive.reset(spikes)
            v[mine] = 0
            if k % 2 == 0:
                loop.update(w, np.append(s, drive.r[beside + 3]), g - y[k], factor=speed)
        assert len(spiked) > 15
        assert spikes_of(self.monitor) == spiked
        assert_close(np.append(self.synapses.w[:], self.plain.w[:]), w, what="w")
        assert np.all(self.synapses.w[:][pre % 4 == post % 4] == 0.3)
        self.check_P(loop)


class Subgroups(Case):
    """Excitatory and inhibitory neurons of one group, two Synapses, into a part of a group; signs and row sums."""

    E, SIGNS = 7, np.repeat([1.0, -1.0], [7, N_PRE - 7])

    def __init__(self, label: str = "") -> None:
        neurons = sources(f"{label}pre")
        readers = b2.NeuronGroup(
            N_POST + 3, "dv/dt = (g - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1", threshold="v > 0.2", reset="v = 0",
            method="euler", name=f"{label}post",
        )  # fmt: skip
        target, part = Signal(goal(), name=f"{label}goal"), readers[3:]
        self.synapses = []
        for name, some, sign in (("exc", neurons[: self.E], "0.2"), ("inh", neurons[self.E :], "-0.1")):
            one = b2.Synapses(some, part, "w : 1", on_pre="g_post += w", name=f"{label}{name}")
            one.connect(p=0.7)
            one.w = sign
            self.synapses.append(one)
        self.rls = RLS(
            self.synapses, target, weight="w", trace="r", alpha_P=0.4, signs=self.SIGNS, groups=(self.SIGNS < 0) * 1,
            row_sum=[0.5, 2.0], update_every=2, name=f"{label}rls",
        )  # fmt: skip
        self.monitor = b2.SpikeMonitor(readers, name=f"{label}spikes")
        self.objects = [neurons, readers, *self.synapses, target, self.rls, self.monitor]

    def check(self) -> None:
        pre = np.concatenate([self.synapses[0].i[:], self.synapses[1].i[:] + self.E])
        post = np.concatenate([one.j[:] for one in self.synapses])
        drive, w, y, sign = Drive(RATES, DT, TAU), np.where(pre < self.E, 0.2, -0.1), goal(), self.SIGNS[pre]

        def first(some: np.ndarray) -> np.ndarray:
            groups = some >= self.E
            penalty = np.where(groups, 2.0, 0.5)
            return np.linalg.inv(np.eye(len(some)) / 0.4 + penalty * (groups[:, None] == groups))

        loop = Rls(pre, post, N_POST, first)
        v, g, spiked = np.zeros(N_POST), np.zeros(N_POST), []
        for k in range(STEPS):
            v, g = v + (g - v) * DT / 10e-3, g - g * DT / TAU
            spikes, mine = drive.spikes(), np.flatnonzero(v > 0.2)
            spiked += [(k, i + 3) for i in mine]
            reached = np.flatnonzero(np.isin(pre, spikes))
            np.add.at(g, post[reached], w[reached])
            drive.reset(spikes)
            v[mine] = 0
            if k % 2 == 0:
                loop.update(w, drive.r[pre], loop.z(w, drive.r[pre]) - y[k], sign)
        assert len(spiked) > 15
        assert spikes_of(self.monitor) == spiked
        found = np.concatenate([one.w[:] for one in self.synapses])
        assert_close(found, w, what="w")
        assert np.any(found == 0)
        assert np.all(found * sign >= 0)
        self.check_P(loop)


CASES = [Delays, Conductances, Depression, Subgroups]


def run(target: Target, cases: list[Any]) -> None:
    """Run some cases in one network, in two parts, and compare each."""
    b2.defaultclock.dt = DT * b2.second
    b2.seed(4)
    made = [case(f"{case.__name__}_" if len(cases) > 1 else "") for case in cases]
    target.run(b2.Network(*(one for case in made for one in case.objects)), *[STEPS // 2 * DT * b2.second] * 2)
    for case in made:
        case.check()


@pytest.mark.parametrize("case", CASES)
def test_a_case_on_numpy(numpy_target: Target, case: Any) -> None:
    run(numpy_target, [case])


@pytest.mark.slow
def test_all_cases_in_one_program(tmp_path: Any) -> None:
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project") as target:
        run(target, CASES)


@pytest.mark.slow
@pytest.mark.parametrize("case", [Depression, Subgroups])
def test_a_case_on_cython(tmp_path: Any, case: Any) -> None:
    """The two that use all of the generated code, under the same names, so that most of it is compiled once."""
    skip_unless_here("cython")
    with activated("cython", tmp_path / "project") as target:
        run(target, [case])


class Small:
    """Two Poisson groups, one in part, onto three neurons."""

    def __init__(self, label: str = "", **changes: Any) -> None:
        b2.defaultclock.dt = DT * b2.second
        b2.seed(1)
        self.group = b2.PoissonGroup(8, 300 * b2.Hz, name=f"{label}poisson")
        self.readers = b2.NeuronGroup(3, "dg/dt = -g/(5*ms) : 1", method="euler", name=f"{label}readers")
        self.synapses = b2.Synapses(
            self.group[2:], self.readers, "w : 1\nplastic : boolean", on_pre="g_post += w", name=f"{label}synapses"
        )
        self.synapses.connect("i != j")
        self.target = Signal([[1.0, 2.0, 3.0]], name=f"{label}goal")
        options = {"weight": "w", "trace": 5 * MS, "alpha_P": 0.1, "name": f"{label}rls"} | changes
        self.rls = RLS(self.synapses, self.target, **options)
        self.monitor = b2.SpikeMonitor(self.group, name=f"{label}spikes")
        self.network = b2.Network(self.group, self.readers, self.synapses, self.target, self.rls, self.monitor)

    def run(self, steps: int) -> Small:
        self.network.run(steps * DT * b2.second, namespace={})
        return self


@pytest.mark.usefixtures("numpy_target")
class TestOnNumpy:
    def test_the_trace_of_poisson_spikes(self) -> None:
        small = Small().run(400)
        r = np.zeros(8)
        counts = np.zeros((400, 8))
        for step, neuron in spikes_of(small.monitor):
            counts[step, neuron] += 1
        for row in counts:
            r = r * np.exp(-DT / 5e-3) + row
        assert counts.sum() > 50
        assert_close(small.rls.maps[0].parts[0].trace_group.r, r[2:])
        assert np.all(small.synapses.w[:] != 0)

    def test_one_run_of_everything_in_the_script(self) -> None:
        small = Small()
        alone = b2.Synapses(small.group, small.readers, "w : 1", on_pre="g_post += w")
        alone.connect(p=0.5)
        rls = RLS(alone, small.target, weight="w", trace=5 * MS, alpha_P=0.1)
        group, readers, synapses, target = small.group, small.readers, small.synapses, small.target  # noqa: F841
        del small
        b2.run(100 * DT * b2.second, namespace={})
        assert rls.n_updates == 100
        assert np.any(alone.w[:])

    def test_P_is_there_before_the_run_and_can_be_set(self) -> None:
        small = Small()
        assert [P.shape for P in small.rls.P] == [(5, 5)] * 3
        assert np.array_equal(small.rls.P[1], 0.1 * np.eye(5))
        small.rls.P = [np.eye(5), 2 * np.eye(5), 3 * np.eye(5)]
        small.rls.learning = 0
        assert np.array_equal(small.run(3).rls.P[2], 3 * np.eye(5))
        assert not np.any(small.synapses.w[:])

    def test_stored_and_restored(self) -> None:
        small = Small()
        small.network.store("before")
        small.run(100).network.store("after")
        wanted = small.run(100).synapses.w[:].copy()
        for name, steps in (("before", 200), ("after", 100)):
            small.network.restore(name)
            b2.seed(3)
            first = small.run(steps).synapses.w[:].copy()
            assert small.rls.n_updates == 200
            small.network.restore(name)
            b2.seed(3)
            assert np.array_equal(small.run(steps).synapses.w[:], first)
            assert not np.array_equal(first, wanted)

    def test_the_same_from_states_that_are_read(self) -> None:
        small = Small().run(20)
        states = small.network.get_states()
        assert np.array_equal(states["rls"]["P_packed"], small.rls.P_packed[:])

    def test_divergence(self) -> None:
        small = Small(alpha_P=1e307, error="z - y - 3", gain="undivided")
        with pytest.raises(DivergenceError, match="learning diverged at time step"):
            small.run(400)

    def test_what_learns_may_not_change_afterwards(self) -> None:
        small = Small(trainable="plastic")
        small.synapses.plastic = "i < 4"
        small.run(50)
        frozen = small.synapses.i[:] >= 4
        assert np.array_equal(small.synapses.w[:] == 0, frozen)
        small.synapses.plastic = "i < 5"
        with pytest.raises(b2.BrianObjectException) as caught:
            small.run(50)
        assert "began to learn.\nReceived: 'other partners in synapses'" in str(caught.value.__cause__)


def test_connected_anew_between_the_runs_of_a_program(tmp_path: Any) -> None:
    """Python does not know the partners, but it knows of the connect."""
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project"):
        small = Small().run(10)
        small.run(10)
        small.synapses.connect(i=0, j=0)
        with pytest.raises(b2.BrianObjectException) as caught:
            small.run(10)
        assert "RLS.maps: expected the synapses that rls" in str(caught.value.__cause__)


def test_P_is_set_before_a_program_is_built(tmp_path: Any) -> None:
    """One matrix, or one for each block; the program compares their sizes with those of the blocks that it finds."""
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project"):
        small = Small()
        kept = [small.rls.variables[name] for name in ("P_packed", "block_start")]
        for P, sizes in ((2 * np.eye(3) + 1, [6, 2]), ([np.eye(2), np.full((1, 1), 5)], [4, 3])):
            small.rls.P = P
            assert [each.size for each in kept] == sizes
        for wrong, shape in ((np.ones((2, 3)), "2, 2"), ([np.eye(2), 3.0], "1, 1")):
            with pytest.raises(
                InvalidValueError, match=rf"RLS.P: expected an array of shape \({shape}\) \(partners, pa"
            ):
                small.rls.P = wrong


@pytest.mark.slow
def test_mistakes_that_a_program_finds(tmp_path: Any) -> None:
    """Nothing learns; in the second run, others than in the first; P does not fit. P that fits is there."""
    skip_unless_here("cpp_standalone")
    with activated("cpp_standalone", tmp_path / "project") as target:
        none, others = Small(trainable="plastic", label="none_"), Small(trainable="plastic", label="others_")
        others.synapses.plastic = "i < 4"
        given, wrong = Small(label="given_", update_every=7), Small(label="wrong_", stop=0)
        P = [np.eye(5) + n for n in range(3)]
        given.rls.P, wrong.rls.P = P, np.eye(4)
        given.rls.learning = 0
        network = b2.Network(*(one for small in (none, others, given, wrong) for one in small.network.objects))
        network.run(10 * DT * b2.second, namespace={})
        others.synapses.plastic = "i < 5"
        with pytest.raises(InvalidValueError, match=r"RLS\.(maps|P): expected"):
            target.run(network, 10 * DT * b2.second)
        with pytest.raises(InvalidValueError, match="one synapse that learns.\nReceived: 'none_synapses'\nFix: set"):
            none.rls.check_diverged()
        with pytest.raises(InvalidValueError, match="that others_rls began to learn.\nReceived: 'other"):
            others.rls.check_diverged()
        text = r"RLS.P: expected matrices of \[5, 5, 5\] partners, as wrong_rls has found.\nReceived: 'other sizes'"
        with pytest.raises(InvalidValueError, match=text):
            wrong.rls.check_diverged()
        given.rls.check_diverged()
        assert np.array_equal(given.rls.P, P)
