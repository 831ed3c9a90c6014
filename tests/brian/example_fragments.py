"""Networks of the kinds that nine of Brian2's examples show, small, as objects for one network."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from brian2 import Hz, cm, ms, mV, nS, ohm, siemens, uF, um

MONITORED = ("t", "i", "v", "w", "theta", "rate")


def fragments() -> list[Any]:
    """Return groups, synapses and monitors; monitors' names begin with ``seen``."""
    return [
        *_cobahh(), *_kuramoto(), *_cable(), *_stdp(), *_adaptive(),
        *_synfire(), *_brunel_hakim(), *_izhikevich(), *_jansen_rit(),
    ]  # fmt: skip


def _cobahh() -> list[Any]:
    """COBAHH: Hodgkin-Huxley neurons with conductances, exponential Euler, random delays."""
    area = 20000 * um**2
    space = {
        "Cm": 1 * uF * cm**-2 * area, "gl": 5e-5 * siemens * cm**-2 * area, "El": -65 * mV, "EK": -90 * mV,
        "ENa": 50 * mV, "g_na": 0.1 * siemens * cm**-2 * area, "g_kd": 0.03 * siemens * cm**-2 * area, "VT": -63 * mV,
    }  # fmt: skip
    cells = b2.NeuronGroup(
        40,
        """dv/dt = (gl*(El - v) - ge*v + gi*(-80*mV - v) - g_na*m**3*h*(v - ENa) - g_kd*n**4*(v - EK))/Cm : volt
        dm/dt = 1.28/exprel((13*mV - v + VT)/(4*mV))/ms*(1 - m) - 1.4/exprel((v - VT - 40*mV)/(5*mV))/ms*m : 1
        dn/dt = 0.16/exprel((15*mV - v + VT)/(5*mV))/ms*(1 - n) - 0.5*exp((10*mV - v + VT)/(40*mV))/ms*n : 1
        dh/dt = 0.128*exp((17*mV - v + VT)/(18*mV))/ms*(1 - h) - 4/(1 + exp((40*mV - v + VT)/(5*mV)))/ms*h : 1
        dge/dt = -ge/(5*ms) : siemens
        dgi/dt = -gi/(10*ms) : siemens""",
        threshold="v > -20*mV", refractory=3 * ms, method="exponential_euler", namespace=space, name="cobahh",
    )  # fmt: skip
    cells.v, cells.ge, cells.gi = "El + (randn()*5 - 5)*mV", "(randn()*1.5 + 4)*10*nS", "(randn()*12 + 20)*10*nS"
    excite = b2.Synapses(cells, cells, on_pre="ge += 6*nS", namespace={"nS": nS}, name="cobahh_excite")
    excite.connect("i < 32", p=0.2)
    excite.delay = "rand()*4*ms"
    inhibit = b2.Synapses(cells, cells, on_pre="gi += 67*nS", namespace={"nS": nS}, name="cobahh_inhibit")
    inhibit.connect("i >= 32", p=0.2)
    seen = [b2.SpikeMonitor(cells, name="seen_cobahh"), b2.StateMonitor(cells, "v", record=[3], name="seen_hh")]
    return [cells, excite, inhibit, *seen, b2.PopulationRateMonitor(cells, name="seen_rate")]


def _kuramoto() -> list[Any]:
    """Kuramoto oscillators: summed coupling."""
    phases = b2.NeuronGroup(
        10, "dtheta/dt = omega + 5*Hz*coupling : 1\nomega : Hz\ncoupling : 1", method="euler", name="kuramoto"
    )
    phases.omega, phases.theta = "20*Hz*(1 + 0.1*i)", "i"
    coupled = b2.Synapses(
        phases, phases, "coupling_post = sin(theta_pre - theta_post) : 1 (summed)", name="kuramoto_coupling"
    )
    coupled.connect()
    return [phases, coupled, b2.StateMonitor(phases, "theta", record=True, name="seen_kuramoto")]


def _cable() -> list[Any]:
    """A passive cable with a point current."""
    cable = b2.SpatialNeuron(
        b2.Cylinder(length=1 * b2.mm, diameter=20 * um, n=12, type="axon"),
        "Im = 1e-4*siemens/cm**2*(-70*mV - v) : amp/meter**2\nI : amp (point current)",
        Cm=1 * uF / cm**2,
        Ri=100 * ohm * cm,
        method="exponential_euler",
        name="cable",
    )
    cable.v = -70 * mV
    cable.I[0] = 0.5 * b2.nA
    return [cable, b2.StateMonitor(cable, "v", record=True, name="seen_cable")]


def _stdp() -> list[Any]:
    """STDP: plastic synapses from Poisson neurons."""
    sources = b2.PoissonGroup(20, 100 * Hz, name="stdp_sources")
    cell = b2.NeuronGroup(
        1, "dv/dt = (-g*v - 74*mV - v)/(10*ms) : volt\ndg/dt = -g/(5*ms) : 1",
        threshold="v > -54*mV", reset="v = -60*mV", method="euler", name="stdp_cell",
    )  # fmt: skip
    cell.v = -60 * mV
    plastic = b2.Synapses(
        sources, cell,
        """w : 1
        dApre/dt = -Apre/(20*ms) : 1 (event-driven)
        dApost/dt = -Apost/(20*ms) : 1 (event-driven)""",
        on_pre="g += w; Apre += 0.01; w = clip(w + Apost, 0, 1)",
        on_post="Apost -= 0.0105; w = clip(w + Apre, 0, 1)",
        name="stdp",
    )  # fmt: skip
    plastic.connect(i=np.arange(20), j=0)
    plastic.w = "rand()"
    seen = [b2.SpikeMonitor(group, name=f"seen_{group.name}") for group in (sources, cell)]
    return [sources, cell, plastic, *seen, b2.StateMonitor(plastic, "w", record=[0, 3], name="seen_stdp")]


def _adaptive() -> list[Any]:
    """Adaptive threshold, noise, a TimedArray and an operation of its own clock."""
    drive = b2.TimedArray(np.arange(20.0), dt=2 * ms)
    cells = b2.NeuronGroup(
        5, "dv/dt = (1.5 + 0.1*drive(t) - v)/(10*ms) + 0.2*xi/sqrt(10*ms) : 1\ndvt/dt = (1 - vt)/(15*ms) : 1",
        threshold="v > vt", reset="v = 0; vt += 0.3", method="euler", namespace={"drive": drive}, name="adaptive",
    )  # fmt: skip
    cells.run_regularly("v = clip(v, 0, 5)", dt=1 * ms)
    return [cells, b2.SpikeMonitor(cells, name="seen_adaptive")]


def _synfire() -> list[Any]:
    """Diesmann et al. (1999): a volley travels along a chain of groups, with noise on the way."""
    cells = b2.NeuronGroup(
        40,
        """dv/dt = (-70*mV - v + x)/(10*ms) : volt (unless refractory)
        dx/dt = (y - x)/(0.325*ms) : volt
        dy/dt = -y/(0.325*ms) + 39.24*mV/(0.325*ms) + 3.6*mV*xi/sqrt(0.325*ms) : volt""",
        threshold="v > -55*mV", reset="v = -70*mV", refractory=1 * ms, method="euler", name="synfire",
    )  # fmt: skip
    cells.v = "-70*mV + rand()*12*mV"
    chain = b2.Synapses(cells, cells, on_pre="y += 20*mV", delay=5 * ms, name="synfire_chain")
    chain.connect(j="k for k in range((i // 10 + 1)*10, (i // 10 + 2)*10) if i < N_pre - 10")
    volley = b2.SpikeGeneratorGroup(20, np.arange(20), 1 * ms + np.arange(20) * 0.1 * ms, name="synfire_volley")
    start = b2.Synapses(volley, cells, on_pre="y += 20*mV", delay=2 * ms, name="synfire_start")
    start.connect(j="k for k in range(10)")
    return [cells, chain, volley, start, b2.SpikeMonitor(cells, name="seen_synfire")]


def _brunel_hakim() -> list[Any]:
    """Brunel & Hakim (1999): fast global oscillations of inhibited neurons with noise of their own."""
    cells = b2.NeuronGroup(
        60, "dv/dt = (25*mV - v)/(20*ms) + 5*mV*xi/sqrt(20*ms) : volt",
        threshold="v > 20*mV", reset="v = 10*mV", refractory=2 * ms, method="euler", name="brunel_hakim",
    )  # fmt: skip
    cells.v = 10 * mV
    inhibit = b2.Synapses(cells, cells, on_pre="v -= 0.3*mV", delay=2 * ms, name="brunel_hakim_inhibit")
    inhibit.connect(p=0.3)
    seen = [b2.SpikeMonitor(cells, name="seen_brunel"), b2.PopulationRateMonitor(cells, name="seen_brunel_rate")]
    return [cells, inhibit, *seen]


def _izhikevich() -> list[Any]:
    """Izhikevich (2007): bursts, with a reset of two variables and thalamic input each millisecond."""
    cells = b2.NeuronGroup(
        12,
        """dv/dt = (0.04/ms/mV)*v**2 + (5/ms)*v + 140*mV/ms - w + I : volt
        dw/dt = a*(0.2/ms*v - w) : volt/second
        a : 1/second (constant)
        I : volt/second""",
        threshold="v >= 30*mV", reset="v = -50*mV; w += 2*mV/ms", method="euler", name="izhikevich",
    )  # fmt: skip
    cells.v, cells.w, cells.a = -65 * mV, -13 * mV / ms, "(0.02 + 0.005*i)/ms"
    cells.run_regularly("I = 8*mV/ms*(1 + 0.5*randn())", dt=1 * ms)
    return [
        cells,
        b2.SpikeMonitor(cells, name="seen_izhikevich"),
        b2.StateMonitor(cells, "v", record=[0, 5], name="seen_bursts"),
    ]


def _jansen_rit() -> list[Any]:
    """Jansen & Rit (1995): a cortical column of three rate populations, by Runge and Kutta."""
    column = b2.NeuronGroup(
        3,
        """dv/dt = x : 1
        dx/dt = 3.25*100*Hz*S1 - 200*Hz*x - (100*Hz)**2*v : Hz
        dw/dt = u : 1
        du/dt = 3.25*100*Hz*(P + 108*S2) - 200*Hz*u - (100*Hz)**2*w : Hz
        dtheta/dt = q : 1
        dq/dt = 22*50*Hz*33.75*S3 - 100*Hz*q - (50*Hz)**2*theta : Hz
        S1 = 5*Hz/(1 + exp(0.56*(6 - (w - theta)))) : Hz
        S2 = 5*Hz/(1 + exp(0.56*(6 - 135*v))) : Hz
        S3 = 5*Hz/(1 + exp(0.56*(6 - 33.75*v))) : Hz
        P : Hz""",
        method="rk4", name="jansen_rit",
    )  # fmt: skip
    column.P = "(120 + 80*i)*Hz"
    return [column, b2.StateMonitor(column, ("w", "theta"), record=True, name="seen_column")]
