"""Spiking layers of an equation file as a ForceNetwork."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...circuit.names import NEURONS, READOUT_OUTPUT, READOUT_WEIGHTS, RULE, STEP, entry
from ...declare.equations import load_synapse
from ...declare.network import ForceNetwork
from .clock import with_layer_time
from .declaration import Declaration, StateSeries, constant, kernel, recorded, result_only, rule, scaled
from .static_kernel import static_kernel

__all__ = ["declaration_of_spiking"]


def declaration_of_spiking(layer: Any, model: Any) -> Declaration:
    """Return the network of a spiking layer and its model, as they are now."""
    steps, v, u, h, hr, ipsc, hr_ipsc, z = model.force_layer.states
    counted = int(np.asarray(steps)[0, 0])
    # learning counts trained time steps, the neurons those since their states were set
    learning, begin = model.learning_rule()
    begin = counted if begin is None else begin
    learning = learning if model.trains("output_kernel") else None
    neuron, more = with_layer_time(layer.neuron, counted - begin)
    single = layer.tau_rise == 0
    synapse = load_synapse("single_exponential" if single else "double_exponential")
    # the published classes let the rate decay with tau_decay, the file's output with its tau_rise
    taus = {"tau_decay": layer.tau_syn} if single else {"tau_rise": layer.tau_decay, "tau_decay": layer.tau_rise}
    time = layer.layer_units.time
    parameters = layer.overrides() | more | {name: f"{float(tau) * time!r}*second" for name, tau in taus.items()}
    network = ForceNetwork(
        neuron, synapse, layer.units, layer.dt_seconds,
        recurrent=static_kernel(model, layer.recurrent_kernel),
        feedback_kernel=np.asarray(layer.feedback_kernel), output_kernel=np.asarray(layer.output_kernel),
        input_kernel=np.asarray(layer.input_kernel), parameters=parameters, learning=learning,
        dtype=model.brian2_dtype, seed=layer.noise_seed,
    )  # fmt: skip

    scale_of = layer.layer_units.scale_of
    rate, current = synapse.named("r", "r"), synapse.named(neuron.inputs["recurrent"], "rec")
    names = {1: neuron.membrane, 3: rate[synapse.output], 5: current[synapse.output]}
    names |= {} if layer.auxiliary is None else {2: layer.auxiliary}
    if not single:
        names |= {4: next(n for x, n in rate.items() if x != synapse.output)}
        names |= {6: next(n for x, n in current.items() if x != synapse.output)}

    bindings = [result_only(steps, lambda state: [[counted + int(np.ravel(state[STEP])[0]) - begin]])]
    series = [StateSeries(lambda results: counted + 1.0 + np.arange(results.n_steps)[:, None])]
    for i, variable in enumerate((v, u, h, hr, ipsc, hr_ipsc), start=1):
        if i not in names:
            series.append(constant(np.asarray(variable)))
            continue
        scale = scale_of(network.state_variables[names[i]])
        bindings.append(scaled(variable, entry(NEURONS, names[i]), scale))
        series.append(recorded(names[i], network.display_unit(names[i])[1] / scale))
    for name, variable in layer.further_states.items():
        # Brian2 keeps the time of a spike by the clock of the run, even if nothing else in the file asks for the time
        ahead = (begin - counted) * layer.dt_seconds if name == "lastspike" else 0.0
        bindings.append(scaled(variable, entry(NEURONS, name), scale_of(network.state_variables[name]), ahead))
    bindings.append(scaled(z, READOUT_OUTPUT))
    series.append(StateSeries(lambda results: results.output))
    if learning is not None:
        all_of = [np.arange(layer.units)]
        bindings += [kernel(layer.output_kernel, READOUT_WEIGHTS), rule(RULE, [all_of], (model.P_output, all_of))]
    return Declaration(network, tuple(bindings), tuple(series), begin)
