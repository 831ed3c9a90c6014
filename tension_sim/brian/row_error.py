"""Objects that prepare each update of a rule: the error of each row, and z where no map holds it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from brian2.core.variables import Constant
from brian2.utils.stringtools import get_identifiers

from ._base import GeneratedObject, default_float, resolve_source
from .compared import Formula, add_compared, with_formulas
from .rule import SCHEDULE, Rule

__all__ = ["RowError", "RowSums"]


class _Before(GeneratedObject):
    """Code that prepares the updates of a rule; it runs only at the steps of an update."""

    is_part = True

    def __init__(self, rule: Rule, template: str, **kwargs: Any) -> None:
        self._rule = weakref.proxy(rule)  # which owns this
        super().__init__(template, **kwargs)

    def due(self, step: int) -> bool:
        """Say whether an update falls on this time step."""
        return self._rule.due(step)

    @property
    def schedule_is_its_own(self) -> bool:
        """See the rule."""
        return self._rule.schedule_is_its_own


class RowError(_Before):
    """The error of each row of one map, from a Brian2 expression.

    Parameters
    ----------
    rule : Rule
        The rule; its variables are declared.
    rows : int
        Rows of the map.
    expression : str
        The error.
    linked : mapping of str to (group, variable name) or Formula
        Names that the expression may have; ``"z"`` among them.
    namespace : mapping
        Constants and functions that it may have.
    **kwargs
        Of the object.
    """

    def __init__(
        self,
        rule: Rule,
        rows: int,
        expression: str,
        linked: Mapping[str, Any],
        namespace: Mapping[str, Any],
        **kwargs: Any,
    ) -> None:
        formulas = [to for to in linked.values() if isinstance(to, Formula)]
        self.namespace: dict[str, Any] = {
            **namespace,
            **{name: of for each in formulas for name, of in each.namespace.items()},
        }
        expression = with_formulas(expression, linked)
        super().__init__(rule, "tsim_row_error", code=f"error = {expression}", **kwargs)
        for name in SCHEDULE:  # the expression may use these names for something else
            self.variables.add_reference(f"_{name}", rule, name)
        self.variables.add_constant("N", rows)
        self.variables.add_arange("i", size=rows)
        output = resolve_source("RLS.z", *linked["z"])[0]
        self.variables.add_array("error", size=rows, dimensions=output.dim, dtype=default_float())
        for name in sorted(get_identifiers(expression) & set(linked)):
            group, variable = linked[name]
            add_compared(self, name, group, variable, rows)
        self._enable_group_attributes()

    def _resolve(
        self, identifier: str, run_namespace: Any, user_identifier: bool = True, additional_variables: Any = None
    ) -> Any:
        """Resolve a name; z, y and `variables` mean what the rule says, even if user code has others of these names."""
        own = user_identifier and identifier not in self.variables
        return super()._resolve(identifier, run_namespace, own, additional_variables)


class RowSums(_Before):
    """z = W x of the learned rows of a map, at the steps of an update alone.

    A spike map does its work spike by spike, so that nothing else holds its z. What several groups hold is
    gathered as x where a rule does not follow right after a dense map, which does so.

    Parameters
    ----------
    rule : Rule
        The rule; its variables are declared.
    m : int
        The map's number.
    gather : list of (group, name, first element, number of elements)
        What is copied into the rule's x before, one after the other.
    **kwargs
        Of the object.
    """

    def __init__(self, rule: Rule, m: int, gather: list[tuple[Any, str, int, int]], **kwargs: Any) -> None:
        rows = len(rule.maps[m])
        super().__init__(
            rule,
            "tsim_row_sums",
            needed_variables=[f"source_{s}" for s in range(len(gather))],
            template_kwds={
                "gather": [{"start": start, "size": size} for *_, start, size in gather],
                "by_synapse": rule.by_synapse,
            },
            **kwargs,
        )
        variables = self.variables
        variables.add_constant("N", rows)
        if isinstance(rule.variables["N"], Constant):
            variables.add_constant("n_blocks", len(rule))
        else:  # found when a run starts
            variables.add_reference("n_blocks", rule, "N")
        variables.add_arange("i", size=rows)
        for s, (group, name, _, _) in enumerate(gather):
            variables.add_reference(f"source_{s}", group, name)
            self.add_dependency(group)
        dim = rule.variables[f"w_{m}"].dim * rule.variables["x"].dim
        variables.add_array("z", size=rows, dimensions=dim, dtype=default_float())
        for name in ("w", "row_start", "rows", "block_rows"):
            variables.add_reference(name, rule, f"{name}_{m}")
        for name in ("x", "x_start", "partner", "block_start", *SCHEDULE):
            variables.add_reference(name, rule, name)
        self.add_dependency(rule.maps[m])
        self._enable_group_attributes()
