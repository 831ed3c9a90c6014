"""Protocols: what a recipe does with a network. Each is one module, found by looking into this folder.

A recipe file says ``protocol = "NAME"`` at its top, the name of a module here; without it, ``"force"``.
To add one, write a module whose docstring begins with one line on it, and which ends with
``PROTOCOL = Protocol(sections=..., expected=..., forecast=forecast, run=run)``:

``sections``
    Which tables a recipe has and which keys, each with unit, default and check (see
    `tension_sim.recipes.settings.section`). Settings, messages, ``--set`` and ``show`` follow from it.
    ``[run]`` needs ``seed``.
``expected``
    The numbers that the protocol reports, by name: what ``[expected]`` may hold, beside ``reference``.
``forecast(recipe, target)``
    A `Forecast`, without drawing or building anything.
``run(recipe, target=None, progress=None)``
    Draws the network from ``recipe.seed``, runs it on the target, and returns an `Outcome`.
    ``progress(done, steps)`` is called as `Simulation.run` calls it, over all that is run.
    ``--dry-run`` calls it too: its first `Simulation.run` ends it there, just before anything is
    compiled, so that what comes before is checked by the same code.
    If a run was interrupted (``results.provenance["interrupted"]``), it returns what was reached.

A protocol whose networks have inputs also says ``further``, what these are after the end of a stored run
(`Further`): ``tension-sim run --from`` plays it. ``results.net`` is the network that ran last.

``recipe.values["network"]["n"]`` and so on are numbers in SI units. The smallest protocol is
`tension_sim.protocols.rate_force`. A module whose name begins with an underscore is no protocol.
"""

from ..recipes.cost import Cost, cost_of
from ..recipes.protocol import Forecast, Further, Number, Outcome, Protocol, list_protocols, load_protocol

__all__ = ["Cost", "Forecast", "Further", "Number", "Outcome", "Protocol", "cost_of", "list_protocols", "load_protocol"]
