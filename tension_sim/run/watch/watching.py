"""`Watch`: see what runs do while they go on, on a page and by functions, and steer them."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...circuit.watched import Frame
from ...declare.stopping import StopWhen, check_stop_when
from ...declare.validation import check_flag
from ...errors import InvalidTypeError, InvalidValueError, TensionError, message, problem, unknown_name
from ...results.storage import save
from ...system.files import check_path
from ...system.interrupts import Interrupts
from ...tasks import list_tasks
from ..reached import Piece
from .history import History, packed, rounded
from .plan import Plan, planned
from .server import PageServer
from .steered import Steered
from .steering import Order, Steering, check_steering

__all__ = ["Watch"]

#: Seconds between two looks for an interrupt while a run is paused.
_MOMENT = 0.1


class Watch:
    """Watch the runs within a ``with`` block, on a local page and by a function, and steer them between two time steps.

    Orders may come from any thread: from the page, or from a function that a run calls. They are obeyed at the end of
    the time step that is under way. `steering` holds those that changed a number: with them, a run has the same bits
    again.

    Parameters
    ----------
    page : bool, optional
        Whether there is a page; `address` says where. It can be read on this machine alone, by those who know it.
    on_frame : callable, optional
        Called up to 30 times a second with a dict: ``t`` and what else `StopWhen` knows, ``output`` and ``target``.
    stop_when : StopWhen or str, optional
        When each run ends early.
    steering : Steering or path of a script, optional
        Orders that runs obey, each at its step.

    Attributes
    ----------
    address : str
        Of the page; empty without one.
    frames : int
        How many were shown so far.

    Raises
    ------
    InvalidTypeError, InvalidValueError, UnknownNameError
        If an argument cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import ForceNetwork, Simulation, Watch
    >>> simulation = Simulation(ForceNetwork.random("lif", n=20, seed=1), target="numpy")
    >>> with Watch(page=False) as watch:
    ...     results = simulation.run(np.zeros(10))
    >>> watch.frames > 0, watch.steering
    (True, Steering([]))
    """

    def __init__(
        self,
        *,
        page: bool = True,
        on_frame: Callable[[dict[str, Any]], object] | None = None,
        stop_when: StopWhen | str | None = None,
        steering: Steering | str | Path | None = None,
    ) -> None:
        if on_frame is not None and not callable(on_frame):
            raise InvalidTypeError(message("Watch.on_frame", "a function of a dict, or None", on_frame))
        self._with_page, self._on_frame = check_flag("Watch.page", page), on_frame
        stop = check_stop_when("Watch.stop_when", stop_when)
        self.plan: Plan = Plan(stop, check_steering("Watch.steering", steering), self)
        self.address: str = ""
        self.frames: int = 0
        self._server: PageServer | None = None
        self._within: AbstractContextManager[Plan] | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Order | tuple[str, Any]] = deque()
        self._paused, self._ended = False, ""
        self._run: Steered | None = None
        self._next: tuple[Any, bool] = (None, False)  # network and learning, once all that waits is done
        self._history = History()
        self._done: list[Order] = []
        self._tasks: list[str] = []

    def __enter__(self) -> Watch:
        if self._within is not None:
            raise InvalidValueError(problem("Watch", "it watches already", "a second block", "make another Watch."))
        if self._with_page:
            self._server = PageServer(self._first, self._ordered)
            self.address = self._server.address
        self._within = planned(self.plan)
        self._within.__enter__()
        return self

    def __exit__(self, *about: Any) -> None:
        if self._within is not None:
            self._within.__exit__(*about)
            self._within = None
        if self._server is not None:
            self._tell({"kind": "end", "text": "The program has ended."})
            self._server.close()
            self._server, self.address = None, ""

    # ---- orders ----

    @property
    def steering(self) -> Steering:
        """The orders that runs have obeyed so far, those of the script among them."""
        now = () if self._run is None else self._run.orders
        return Steering([*self._done, *now])

    @property
    def settings(self) -> dict[str, str]:
        """What can be changed in the run that goes on, with the values as they are; empty without one."""
        run = self._run
        return {} if run is None else {name: one.value for name, one in run.settings().items()}

    def pause(self) -> None:
        """Let the run wait after its time step."""
        self._order(("pause", None))

    def go_on(self) -> None:
        """Let a paused run go on."""
        self._order(("go_on", None))

    def stop(self) -> None:
        """End the run after its time step; its results are those of a run of that length."""
        run = self._current("stop")
        order = Order(0, stop=True, run=run.course.run)
        run.check_stop(order, "Watch")
        self._order(order)

    def change(self, settings: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Change settings after the time step.

        Parameters
        ----------
        settings : mapping, optional
            Values by the names of `settings`: numbers, or texts with units.
        **more
            The same.

        Raises
        ------
        UnknownNameError, InvalidValueError, UnitsError
            At once, if there is no such setting, it cannot be changed, or its value cannot work.
        """
        if settings is not None and not isinstance(settings, Mapping):
            raise InvalidTypeError(message("Watch.change.settings", 'a mapping such as {"tau_mem": "20*ms"}', settings))
        run, given = self._current("change"), {**(settings or {}), **more}
        if not given:
            raise InvalidValueError(
                message("Watch.change", "a setting", given, f"choose from {', '.join(self.settings)}.")
            )
        order = Order.read("Watch", {"step": 0, "change": given, "run": run.course.run})
        with self._changed:
            self._next = run.planned(*self._next, order.change, "Watch.change")
        self._order(order)

    def set_target(self, task: str, **settings: Any) -> None:
        """Learn another supervisor after the time step.

        Parameters
        ----------
        task : str
            One of `list_tasks`.
        **settings
            As for `make_task`.

        Raises
        ------
        UnknownNameError, InvalidValueError, UnitsError
            At once, if there is no such task, or it does not fit.
        """
        run = self._current("set_target")
        order = Order.read("Watch", {"step": 0, "target": {"task": task, **settings}, "run": run.course.run})
        run.supervisor(order.target, "Watch.set_target")
        self._order(order)

    def branch(self, path: str | Path) -> None:
        """Write what was reached, after the time step, into a file from which other runs can start.

        ``tension-sim run --from FILE`` goes on from it without learning, and
        ``Simulation.run(state=Results.load(FILE).state)`` with it.

        Parameters
        ----------
        path : str or Path
            Its ending is that of a format of results, such as ``.h5``.
        """
        self._current("branch")
        self._order(("branch", check_path("Watch.branch.path", path)))

    def _current(self, verb: str) -> Steered:
        if self._run is None:
            fix = "call it from the page, from on_frame, or from another thread while a run goes on."
            raise InvalidValueError(problem(f"Watch.{verb}", "no run goes on", None, fix))
        return self._run

    def _order(self, order: Order | tuple[str, Any]) -> None:
        with self._changed:
            self._waiting.append(order)
            self._changed.notify_all()

    # ---- what runs call ----

    def begin(self, run: Steered) -> None:
        """A run begins."""
        with self._changed:
            if self._run is not None:
                self._done += self._run.orders
            self._run, self._next, self._paused = run, (run.net, run.learning), False
            self._waiting.clear()
            self._history = History()
        self._say_hello()

    def ended(self, run: Steered, orders: list[Order]) -> None:
        """A run has come to its end."""
        with self._changed:
            self._done += orders
            self._run = None
            self._waiting.clear()
        self._tell({"kind": "state", "text": "ended"})

    def order_waits(self) -> bool:
        """Say whether a run is to pause after its time step."""
        return bool(self._waiting)

    def show(self, frame: Frame, values: Mapping[str, float], targets: np.ndarray | None) -> None:
        """Show a frame."""
        self.frames += 1
        self._history.add(values)
        if self._on_frame is not None:
            self._on_frame({**values, "output": frame.output, "target": targets})
        run, samples = self._run, np.zeros((0, 1))
        compared = samples
        if run is not None and frame.output.ndim == 2:
            times = frame.sampled * run.measures.dt
            samples = np.column_stack((times, frame.output))
            compared = compared if targets is None else np.column_stack((times, targets[:, : frame.output.shape[1]]))
            self._history.add_samples(samples, compared)
        if self._server is not None and self._server.watched:
            shown = {name: rounded(value) for name, value in values.items()}
            told = {"kind": "frame", "step": frame.step, "now": shown}
            self._tell(told | {"z": packed(samples), "y": packed(compared)})

    def obeyed(self, run: Steered, step: int, piece: Piece, take: Callable[[Order], None]) -> bool:
        """Obey the orders that wait, and wait while the run is paused; return whether an interrupt came."""
        with Interrupts() as interrupts:
            while not interrupts.seen:
                with self._changed:
                    while not self._waiting and self._paused and not interrupts.seen:
                        self._changed.wait(_MOMENT)
                    if not self._waiting:
                        break
                    order = self._waiting.popleft()
                if isinstance(order, Order):
                    take(replace(order, step=step))
                    self._say_hello()
                    if order.stop:
                        break
                elif order[0] == "branch":
                    self._branch(run, step, piece, order[1])
                elif self._paused != (order[0] == "pause"):
                    self._paused = order[0] == "pause"
                    self._tell({"kind": "state", "text": self._state(), "step": step})
        return interrupts.seen

    def _branch(self, run: Steered, step: int, piece: Piece, path: Path) -> None:
        if run.results_of is None:
            return
        try:
            save(run.course.about(run.results_of(piece, step, run)), path, where="Watch.branch")
        except (TensionError, OSError) as error:  # the run goes on
            warnings.warn(f"The branch was not written: {error}", stacklevel=2)
            self._tell({"kind": "note", "text": str(error)})
        else:
            self._tell({"kind": "note", "text": f"Step {step} is in {path}."})

    # ---- the page ----

    def _tell(self, told: dict[str, Any]) -> None:
        if self._server is not None:
            self._server.send(told)

    def _say_hello(self) -> None:
        if self._server is not None and self._server.watched:
            self._tell(self._hello())

    def _state(self) -> str:
        return "waits for a run" if self._run is None else "paused" if self._paused else "runs"

    def _hello(self) -> dict[str, Any]:
        """Return what a browser has to know of the run."""
        run = self._run
        if run is None:
            return {"kind": "run", "name": "", "state": self._state(), "settings": [], "orders": []}
        settings = [[name, one.value, one.unit] for name, one in run.settings().items()]
        return {
            "kind": "run",
            "name": run.course.name,
            "state": self._state(),
            "begin": run.start * run.measures.dt,
            "end": (run.start + run.steps) * run.measures.dt,
            "dt": run.measures.dt,
            "lacks": [name for name in ("rmse", "rate", "weight_norm", "P_trace") if run.measures.lack(name)],
            "settings": settings,
            "tasks": self._tasks if run.measures.compared else [],
            "may_stop": run.course.may_stop,
            "orders": [one.described() for one in run.orders],
        }

    def _first(self) -> list[dict[str, Any]]:
        if not self._tasks:  # which looks through all that is installed: no run waits for it
            self._tasks = list_tasks()
        history = self._history
        past = {"kind": "past", "rows": history.rows, "z": packed(history.samples), "y": packed(history.targets)}
        return [self._hello(), past]

    def _ordered(self, order: dict[str, Any]) -> dict[str, Any]:
        """Take an order of the page."""
        word = order.get("do")
        given = order.get("with", {})
        if not isinstance(given, dict):
            raise InvalidTypeError(message("order.with", "an object", given))
        verbs: dict[str, Callable[[], None]] = {
            "pause": self.pause,
            "go_on": self.go_on,
            "stop": self.stop,
            "change": lambda: self.change(given),
            "target": lambda: self.set_target(**{"task": "", **given}),
            "branch": lambda: self.branch(self._branch_file()),
        }
        if not isinstance(word, str) or word not in verbs:
            raise unknown_name("order.do", "order", word, verbs)
        if word in ("pause", "go_on"):
            self._current(word)
        verbs[word]()
        return {"taken": word}

    def _branch_file(self) -> Path:
        """Return a file that is not there: a page names no files."""
        run = self._current("branch")
        stem = run.course.name.rpartition("/")[2].removesuffix(".toml") or "run"
        number = 1
        while (path := Path(f"{stem}_branch_{number}.h5")).exists():
            number += 1
        return path.absolute()

    def __repr__(self) -> str:
        return f"Watch({self.address!r}, {self._state()})"
