"""The classes of Brian2 that ours inherit from, as a type checker sees them.

Brian2 has no types, and its objects find most of their attributes by name while a script runs: here any name is an
attribute. When the package runs, these are Brian2's own classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["CodeRunner", "Group", "Indexing", "NetworkOperation", "StateUpdateMethod", "VariableView"]

if TYPE_CHECKING:

    class _Untyped:
        def __init__(self, *arguments: Any, **options: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    class Group(_Untyped):
        """State variables by name."""

        name: str

        def __setattr__(self, key: str, value: Any, level: int = ...) -> None: ...
        def state(self, name: str, use_units: bool = ..., level: int = ...) -> Any: ...
        def get_states(self, vars: Any = ..., units: bool = ..., *arguments: Any, **options: Any) -> Any: ...
        def add_dependency(self, other: Any) -> None: ...
        def __len__(self) -> int: ...
        def _resolve(self, *arguments: Any, **options: Any) -> Any: ...

    class CodeRunner(_Untyped):
        """Code that runs at each time step."""

        _contained_objects: list[Any]

        @classmethod
        def __instances__(cls) -> Any: ...
        def before_run(self, run_namespace: Any) -> None: ...
        def __del__(self) -> None: ...

    class NetworkOperation(_Untyped):
        """A Python function that runs at each time step."""

    class StateUpdateMethod(_Untyped):
        """How equations become statements."""

        @staticmethod
        def apply_stateupdater(*arguments: Any, **options: Any) -> Any: ...

    class Indexing(_Untyped):
        """What an index of a variable means."""

        def __call__(self, item: Any = ..., index_var: Any = ...) -> Any: ...

    class VariableView(_Untyped):
        """A variable as an attribute of its group."""

        def __getitem__(self, item: Any) -> Any: ...
        def __setitem__(self, item: Any, value: Any) -> None: ...
        def get_with_expression(self, code: str, run_namespace: Any) -> Any: ...
        def set_with_expression(self, item: Any, code: str, run_namespace: Any, check_units: bool = ...) -> None: ...
        def set_with_expression_conditional(
            self, cond: str, code: str, run_namespace: Any, check_units: bool = ...
        ) -> None: ...

else:
    from brian2.core.operations import NetworkOperation
    from brian2.core.variables import VariableView
    from brian2.groups.group import CodeRunner, Group, Indexing
    from brian2.stateupdaters.base import StateUpdateMethod
