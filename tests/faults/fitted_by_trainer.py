"""A fit of a Brian2 network of some seconds, with or without checkpoints; what it gave goes into ``fit.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def fit(folder: Path, random: int, *, checkpoint: bool) -> None:
    """Train noisy spiking units with delays on numpy."""
    import brian2 as b2

    from tension_sim import Checkpoint
    from tension_sim.brian import RLS, LinearMap, Signal, Trainer
    from tension_sim.system.interrupts import exit_status

    b2.prefs.codegen.target = "numpy"
    b2.seed(random)
    ms, y = b2.ms, Signal([0.0], name="y")
    equations = "dr/dt = (0.5 + current - r)/tau + 0.3*xi*tau**-0.5 : 1\ndcurrent/dt = -current/tau : 1"
    options = {"threshold": "r > 0.6", "reset": "r = 0", "method": "euler", "name": "units"}
    units = b2.NeuronGroup(20, equations, namespace={"tau": 2 * ms}, **options)
    units.r = "rand()"
    links = b2.Synapses(units, units, "w : 1", on_pre="current_post += w", delay=1 * ms, name="links")
    links.connect(p=0.3)
    links.w = "0.1*rand()"
    readout = LinearMap(units, "r", weights=np.zeros((1, 20)), name="readout")
    spikes = b2.SpikeMonitor(units, name="spikes")
    rule = RLS(readout, target=y, alpha_P=1.0, name="rls")
    trainer = Trainer(b2.Network(y, units, links, readout, rule, spikes), target=y, output=readout)
    wave = np.sin(np.arange(1500) / 30)
    kept = Checkpoint(folder / "fit", every=0.25) if checkpoint else None
    history = trainer.fit(y=wave, epochs=6, verbose=0, checkpoint=kept)
    if trainer.interrupted:
        raise SystemExit(exit_status())
    t, i = trainer.results.spikes["spikes"]
    found = {"loss": history.history["loss"], "output": trainer.results.output, "t": t, "i": i, "P": rule.P}
    np.savez(folder / f"fit{'_resumed' if checkpoint else ''}.npz", **found, w=trainer.get_weights()[0])
