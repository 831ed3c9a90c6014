"""A run that nothing ran: known spikes, a noisy sine that learning pulls onto its target."""

from __future__ import annotations

import numpy as np

from tension_sim.results.results import Phase, Recording, Results

SILENT = (3, 7)


def synthetic_results(
    n_outputs: int = 1,
    n_neurons: int = 12,
    rate: float = 30.0,
    seconds: float = 2.0,
    dt: float = 1e-3,
    record_every: int = 2,
    first_step: int = 0,
    frequency: float = 5.0,
    seed: int = 1,
    **changes: object,
) -> Results:
    """Make a run of three phases, each of `seconds`; neurons 3 and 7 never spike."""
    rng = np.random.default_rng(seed)
    steps = round(seconds / dt)
    stop = first_step + 3 * steps
    fired = rng.random((3 * steps, n_neurons)) < rate * dt
    fired[:, [i for i in SILENT if i < n_neurons]] = False
    spike_step, spike_neuron = np.nonzero(fired)

    first = -(-first_step // record_every) * record_every
    t = dt * (np.arange(first, stop, record_every) + 1)
    phase_shift = np.arange(n_outputs) * 2 * np.pi / 5
    target = np.sin(2 * np.pi * frequency * t[:, None] + phase_shift)
    learned = np.clip((t / dt - first_step - steps) / (0.3 * steps), 0, 1)[:, None]
    late = 0.01 * (t[:, None] > dt * (first_step + 2 * steps))
    after = np.sin(2 * np.pi * frequency * (t[:, None] - late) + phase_shift)
    noise = rng.normal(scale=0.02, size=target.shape)
    output = learned * after + (1 - learned) * 0.3 * np.sin(11 * t)[:, None] + noise

    every = 5
    rows = len(range(-(-first_step // every) * every, stop, every))
    values: dict[str, object] = {
        "name": "demo/sine",
        "dt": dt,
        "first_step": first_step,
        "n_steps": 3 * steps,
        "n_neurons": n_neurons,
        "spike_step": spike_step + first_step,
        "spike_neuron": spike_neuron,
        "n_recorded_neurons": n_neurons,
        "record_every": record_every,
        "output": output,
        "target": target,
        "phases": tuple(
            Phase(name, first_step + k * steps, first_step + (k + 1) * steps)
            for k, name in enumerate(("before", "learning", "test"))
        ),
        "recorded": {"v": Recording(rng.normal(-60, 5, (rows, 2)), "mV", np.array([2, 5]), every)},
        "weights": {"output_kernel": rng.normal(size=(n_neurons, n_outputs))},
        "learning_curve": {
            "time": t[::20],
            "output_kernel_norm": learned[::20] * np.arange(1, n_outputs + 1) * 0.01,
        },
        "state": {"v": rng.normal(size=n_neurons), "P": np.eye(3), "on": np.array([True, False])},
        "provenance": {
            "seed": seed,
            "versions": {"tension_sim": "0.1.0", "numpy": np.__version__},
            "parameters": {"tau_decay": "20*ms", "alpha": 0.1},
            "name": "kept",
            "odd": None,
        },
        "timings": {"build": 4.0, "run": 9.5},
    }
    return Results(**{**values, **changes})
