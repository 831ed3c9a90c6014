"""Write a declared network to a Keras file: its declaration, weights, P and states."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from ..circuit.names import STEP
from ..errors import UnsupportedError, message
from ..results.declaration import declaration_of, described
from ..tensorflow.bases import ModelPart
from .arguments import check_file
from .on_brian.exact import ExactState
from .saving import stored

__all__ = ["NetworkSaving"]

_STATE, _WEIGHTS = "state|", "weights|"


class NetworkSaving(ModelPart):
    """Mixin of DeclaredModel: write the model to a file, and rebuild it."""

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Write the model to a ``.keras`` file, as Keras does."""
        check_file(f"{type(self).__name__}.save", filepath)
        super().save(filepath, *args, **kwargs)

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse to export: a run of a network is no function of tensors."""
        what = "a file for this package: a run of a network is no function of tensors"
        raise UnsupportedError(message(f"{type(self).__name__}.export", what, str(filepath), 'save("net.keras").'))

    def get_config(self) -> dict[str, Any]:
        """Return the declaration in the form Keras writes to a file."""
        plain, arrays = described(self.network)
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **{f"a|{key}": value for key, value in arrays.items()})
        return {"network": plain, "arrays": base64.b85encode(packed.getvalue()).decode(), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Create a model from what ``get_config`` returned."""
        with np.load(io.BytesIO(base64.b85decode(config["arrays"])), allow_pickle=False) as arrays_in:
            arrays = {key.removeprefix("a|"): arrays_in[key] for key in arrays_in.files}
        network: Any = declaration_of(config["network"], arrays)
        return cls(network, name=config["name"])

    def save_own_variables(self, store: Any) -> None:
        """Write weights, P, the states of the network, and the position in learning."""
        store["steps_learned"] = np.asarray(self._steps_learned)
        store["output"] = self.force_layer.output
        for name, variable in self.kernels.items():
            store[_WEIGHTS + name] = np.asarray(variable)
        for name, values in self.force_layer.state.items():
            store[_STATE + name] = np.asarray(values)
        for name, values in self.exact_state.to_arrays().items():
            store[name] = values

    def load_own_variables(self, store: Any) -> None:
        """Read what :meth:`save_own_variables` wrote; nothing is changed where it does not fit."""
        where = f"{type(self).__name__}.load_weights"
        sizes = self._wiring.circuit.state_sizes
        weights = {
            name: stored(where, store, _WEIGHTS + name, tuple(variable.shape))
            for name, variable in self.kernels.items()
        }
        learned = stored(where, store, "steps_learned", ())
        state = {"output": stored(where, store, "output", self.force_layer.output.shape)}
        held = [name.removeprefix(_STATE) for name in store.keys() if name.startswith(_STATE)]
        for name in held:
            values = np.asarray(store[_STATE + name])
            shape = values.shape if name == STEP else (sizes.get(name, -1),)
            state[name] = stored(where, store, _STATE + name, shape)
        for name, values in weights.items():
            self.kernels[name].assign(values)
        self._steps_learned.assign(learned)
        self.force_layer.keep(state, ())
        exact = {name: store[name] for name in store.keys() if name.startswith("exact|")}
        object.__setattr__(self, "exact_state", ExactState.from_arrays(exact))
