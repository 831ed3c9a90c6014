"""The working parts of some of Brian2's examples, small, as objects for one network."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from brian2 import Hz, cm, ms, mV, nS, ohm, siemens, uF, um

MONITORED = ("t", "i", "v", "w", "theta", "rate")


def fragments() -> list[Any]:
    """Return groups, synapses and monitors; monitors' names begin with ``seen``."""
    return [*_cobahh(), *_kuramoto(), *_cable(), *_stdp(), *_adaptive()]


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
