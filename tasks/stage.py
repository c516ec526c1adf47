"""A stage: a Prefect task whose outcome is kept in the store it is given.

Prefect does the caching: the result record is small JSON in the store, the task run shows as
Cached. What is added here is the key, which is made of named inputs, the stage's version and
nothing else, the lock that lets one run at a time make what is missing, and the ledger of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar

from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.tasks import Task, exponential_backoff

from blocks.media_store import MediaStore
from ltxv.errors import LTXError, Refused, Transient, Violation
from ltxv.result import StageName, StageState
from ltxv.tracing import traced
from tasks.beside import Beside
from tasks.ledger import current_ledger, tell_started
from tasks.stage_key import StageKey
from tasks.stage_locks import StageLocks

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
_FIRST_DELAY_SECONDS = 2
_JITTER = 0.5


class Stage(Generic[P, R]):
    """One stage of a run; called like the function it is made of."""

    def __init__(self, task: Task[P, R], *, names: Sequence[StageName], cached: bool) -> None:
        self.task = task
        self._names = names
        self._cached = cached

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the stage, or take what an earlier run made, or wait for what another is making.

        Raises:
            LTXError: As the stage says; a Transient one was tried again first.
        """
        started = time.monotonic()
        self._announce()
        with self._kept(kwargs.get("store")) as task:
            state = task(*args, return_state=True, **kwargs)
        self._enter([state], time.monotonic() - started)
        return state.result()

    def or_else(self, instead: R, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the stage; if it fails, warn in the log and give ``instead``, which is not kept."""
        started = time.monotonic()
        try:
            return self(*args, **kwargs)
        except (LTXError, TimeoutError) as error:
            get_run_logger().warning("%s failed, the run goes on: %s", self.task.name, error)
            for name in self._names:
                current_ledger().enter(name, "ran", time.monotonic() - started)
            return instead

    def beside(self, *args: P.args, **kwargs: P.kwargs) -> Beside[R]:
        """Start the stage in a thread of its own and go on; ``result`` of what is given waits."""
        self._announce()
        kept = ExitStack()
        future = kept.enter_context(self._kept(kwargs.get("store"))).submit(*args, **kwargs)
        return Beside(future, enter=self._enter, kept=kept)

    def each(self, calls: Sequence[Mapping[str, Any]]) -> list[R]:
        """Run the stage once for each set of arguments, side by side, and wait for all.

        Raises:
            Refused: With the violations of every call that was refused.
        """
        if not calls:
            return []
        started = time.monotonic()
        self._announce()
        with ExitStack() as kept:
            futures: list[PrefectFuture[Any]] = [
                kept.enter_context(self._kept(call.get("store"))).submit(**call) for call in calls
            ]
            for future in futures:
                future.wait()
        states = [future.state for future in futures]
        self._enter(states, time.monotonic() - started)
        return self._results(states)

    @contextmanager
    def _kept(self, store: object) -> Iterator[Task[P, R]]:
        """Give the task that keeps its outcome in ``store``, and its locks while inside."""
        if not self._cached:
            yield self.task
            return
        if not isinstance(store, MediaStore):
            raise TypeError(f"{self.task.name} needs a MediaStore, not {type(store).__name__}")
        with closing(StageLocks(store)) as locks:
            policy = self._policy.configure(lock_manager=locks, isolation_level="SERIALIZABLE")
            yield self.task.with_options(result_storage=store, cache_policy=policy)

    @property
    def _policy(self) -> CachePolicy:
        policy = self.task.cache_policy
        if not isinstance(policy, CachePolicy):
            raise TypeError(f"{self.task.name} has no cache policy")
        return policy

    def _results(self, states: Sequence[State[Any]]) -> list[R]:
        results: list[R] = []
        violations: list[Violation] = []
        failures: list[LTXError] = []
        for state in states:
            try:
                results.append(state.result())
            except Refused as refused:
                violations += refused.violations
            except LTXError as failure:
                failures.append(failure)
        if violations:  # what the caller has to mend first, whatever else happened
            raise Refused(*violations)
        if failures:
            raise failures[0]
        return results

    def _announce(self) -> None:
        if len(self._names) == 1:
            tell_started(self._names[0])

    def _enter(self, states: Sequence[State[Any]], seconds: float) -> None:
        """Write to the ledger; what stands for several stages lets them write when it runs."""
        cached = all(state.name == "Cached" for state in states)
        failed = not all(state.is_completed() for state in states)
        if failed or (len(self._names) > 1 and not cached):
            return
        did: StageState = "cached" if cached else "ran"
        for name in self._names:
            current_ledger().enter(name, did, seconds / len(self._names))


def stage(
    *names: StageName,
    key: Sequence[str],
    version: int = 1,
    also: Callable[[], str] | None = None,
    keep: timedelta | None = None,
    timeout: timedelta | None = None,
    retries: int = RETRIES,
) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Make a cached stage of a function that takes ``store`` and returns a small frozen value.

    It has no Prefect tags: a task with tags asks the server for concurrency slots before it runs,
    over a connection that an idle one has lost after 5 seconds, and the client waits 2 seconds
    before it tries again. That was most of a run's overhead. An engine takes one job at a time.

    Args:
        names: The stage's name; several if it stands for stages that run inside it.
        key: The arguments that decide its outcome.
        version: Counts up when the same arguments come to give something else.
        also: What decides the outcome besides.
        keep: How long its outcome is used again; for ever if left out.
        timeout: When a run of it is given up.
        retries: How often it is tried again after a transient error.
    """

    def make(function: Callable[P, R]) -> Stage[P, R]:
        name = function.__name__
        made = Task(
            traced(name, function),
            name=name,
            version=str(version),
            cache_policy=StageKey(stage=name, version=version, inputs=tuple(key), also=also),
            cache_expiration=keep,
            cache_result_in_memory=False,
            result_serializer="json",
            retries=retries,
            retry_delay_seconds=exponential_backoff(_FIRST_DELAY_SECONDS),
            retry_jitter_factor=_JITTER,
            retry_condition_fn=_is_transient,
            timeout_seconds=timeout.total_seconds() if timeout else None,
        )
        return Stage(made, names=names, cached=True)

    return make


def passing_stage(name: StageName) -> Callable[[Callable[P, R]], Stage[P, R]]:
    """Make a stage whose outcome, frames in memory, is neither kept nor hashed."""

    def make(function: Callable[P, R]) -> Stage[P, R]:
        made = Task(traced(name, function), name=name, cache_policy=NO_CACHE, persist_result=False)
        return Stage(made, names=[name], cached=False)

    return make


def _is_transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:  # noqa: ARG001
    return isinstance(state.result(raise_on_failure=False), Transient)
