"""Extensions by name: modules of the package, entry points of installed packages, a folder that a user names.

Nothing is imported until its name is asked for. A folder of Python files is looked into only where
the caller passes it: files that lie beside a recipe or a result never run by themselves.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from ..errors import InvalidTypeError, InvalidValueError, TensionError, message, unknown_name
from .files import check_path

__all__ = ["Extensions", "single"]


@dataclass(frozen=True)
class Extensions:
    """One kind of extension, such as the protocols.

    Parameters
    ----------
    kind : str
        What one of them is, for messages: ``"protocol"``.
    package : str
        The package whose modules are the built-in ones; those that begin with an underscore are not.
    group : str
        Entry points of this group, in any installed package, add others: ``name = "a_package.a_module"``.

    Examples
    --------
    >>> formats = Extensions("format", "tension_sim.results.formats", "tension_sim.formats")
    >>> "nix" in formats.names(), formats.load("nix").__name__
    (True, 'tension_sim.results.formats.nix')
    """

    kind: str
    package: str
    group: str

    def names(self, folder: str | Path | None = None) -> list[str]:
        """Return the names of all extensions, sorted; nothing is imported."""
        return sorted(self._loaders(folder))

    def installed(self) -> list[str]:
        """Return the names that entry points of installed packages add."""
        return sorted(point.name for point in _entry_points(self.group))

    def modules(self, folder: str | Path) -> list[str]:
        """Return the names of the modules of a folder of the user's own; nothing is imported.

        Raises
        ------
        InvalidValueError
            If there is no such folder, or a module is called like another extension.
        """
        return sorted(self._own(folder, self._loaders(None)))

    def load(self, name: str, folder: str | Path | None = None, where: str | None = None) -> Any:
        """Import the extension of a name, and return its module (or the object an entry point names).

        Parameters
        ----------
        name : str
            As in `names`.
        folder : str or pathlib.Path, optional
            A folder of the user's own, whose modules are extensions too.
        where : str, optional
            Class and argument, for messages.

        Raises
        ------
        UnknownNameError
            If there is none of that name; the nearest is named.
        InvalidValueError
            If it cannot be imported.
        """
        where, loaders = f"load_{self.kind}.name" if where is None else where, self._loaders(folder)
        if not isinstance(name, str) or name not in loaders:
            raise unknown_name(where, self.kind, name, loaders)
        return loaders[name]()

    def _loaders(self, folder: str | Path | None) -> dict[str, Callable[[], Any]]:
        """Return by name how each extension is imported; names of the package are not replaced by others."""
        built_in = {name: _import_of(f"{self.package}.{name}") for name in _modules(import_module(self.package))}
        installed = {point.name: self._installed(point) for point in _entry_points(self.group)}
        return {**installed, **built_in, **self._own(folder, {**installed, **built_in})}

    def _installed(self, point: EntryPoint) -> Callable[[], Any]:
        def load() -> Any:
            try:
                return point.load()
            except Exception as error:
                what = f"an entry point of {self.group} that can be imported ({type(error).__name__}: {error})"
                fix = "install the package that declares it anew, or remove it."
                raise InvalidValueError(message(point.name, what, point.value, fix)) from error

        return load

    def _own(self, folder: str | Path | None, taken: dict[str, Any]) -> dict[str, Callable[[], Any]]:
        if folder is None:
            return {}
        package, where = _package_of(folder, f"{self.kind}s"), f"{self.kind}s"
        loaders = {}
        for name in _modules(package):
            if name in taken:
                path = str(Path(package.__path__[0]) / name)
                raise InvalidValueError(
                    message(where, f"names that no other {self.kind} has", path, f"rename {name}.py.")
                )
            loaders[name] = _import_of(f"{package.__name__}.{name}", Path(package.__path__[0]) / f"{name}.py")
        return loaders


def _entry_points(group: str) -> EntryPoints:
    """Return the entry points of a group; the packages are read again when a folder of `sys.path` has changed."""
    times = []
    for folder in sys.path:
        with suppress(OSError):
            times.append((folder, Path(folder).stat().st_mtime_ns))
    points: EntryPoints = _all_entry_points(tuple(times)).select(group=group)
    return points


@cache
def _all_entry_points(folders: tuple[tuple[str, int], ...]) -> Any:
    """Return the entry points of all packages, which takes 20 ms."""
    return entry_points()


def _modules(package: ModuleType) -> list[str]:
    return [module.name for module in iter_modules(package.__path__) if not module.name.startswith("_")]


def _import_of(name: str, path: Path | None = None) -> Callable[[], Any]:
    def load() -> Any:
        try:
            return import_module(name)
        except Exception as error:
            if path is None or isinstance(error, TensionError):
                raise
            what = f"a module that can be imported ({type(error).__name__}: {error})"
            raise InvalidValueError(message(str(path), what, path.name, "correct the file.")) from error

    return load


def _package_of(folder: str | Path, where: str) -> ModuleType:
    """Return a package whose modules are the files of a folder, so that they may import each other."""
    path = check_path(where, folder)
    if not path.is_dir():
        raise InvalidValueError(message(where, "a folder of Python modules", str(folder), "check the path."))
    path = path.resolve()
    name = f"_tension_sim_{where}_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if name not in sys.modules:
        package = ModuleType(name, f"Modules of {path}.")
        package.__path__ = [str(path)]
        sys.modules[name] = package
    return sys.modules[name]


def single(where: str, loaded: Any, attribute: str, kind: type) -> Any:
    """Return what an extension's module calls `attribute`; refuse it where it is something else.

    Raises
    ------
    InvalidTypeError
        If the module has no such attribute, or it is of another type.
    """
    found = getattr(loaded, attribute, None) if isinstance(loaded, ModuleType) else loaded
    if not isinstance(found, kind):
        fix = f"end the module with {attribute} = {kind.__name__}(...)."
        raise InvalidTypeError(message(where, f"a {kind.__name__} called {attribute}", found, fix))
    return found
