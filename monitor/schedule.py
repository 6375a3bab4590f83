"""The jobs on a clock, in one process: crawls side by side, the rest one after another."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from models.errors import QuietwordError
from monitor import crawl_forks, jobs
from monitor.jobs import Runtime

logger = logging.getLogger(__name__)
LOOK_S = 10
"""How often sources are looked through for one whose time has come."""
WORK_S = 30
"""How often unjudged posts are looked for, besides after every crawl."""
ASSESS_S = 30
"""How often threads are assessed while posts are still being judged."""
DELIVER_S = 5
TIMERS_S = 20
"""How often reminders and the like are looked for; they are told in minutes."""
DIGESTS_S = 30
"""How often subscriptions are looked through for a digest that is due."""
PRUNE_S = 86_400
MISFIRE_GRACE_S = 3600
"""A run that could not start in time still starts within this; APScheduler's own 1 s drops it."""


class Schedule:
    """Runs crawls, scoring, judging and delivery until it is stopped."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stop = threading.Event()
        self._forks = crawl_forks.CrawlForks() if crawl_forks.AVAILABLE else None
        self._crawling: set[int] = set()
        """Sources whose crawl is under way or waits for its turn."""
        self._wanted: set[str] = set()
        """Jobs that were asked for: one that is at work then does its work once more."""
        self._executors = {
            "default": ThreadPoolExecutor(1),
            "crawls": ThreadPoolExecutor(runtime.settings.crawls_at_once),
            "work": ThreadPoolExecutor(1),
            "delivery": ThreadPoolExecutor(1),
            "timers": ThreadPoolExecutor(1),
        }
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors=self._executors,
            job_defaults={
                "coalesce": True,
                "misfire_grace_time": MISFIRE_GRACE_S,
                "max_instances": 1,
            },
        )
        self._scheduler.add_listener(
            self._tell, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    def start(self) -> None:
        """Begin; the first look is at once."""
        self._every(LOOK_S, self._start_due, "default", "look for due sources")
        self._every(WORK_S, self._work, "work", "judge")
        self._every(DELIVER_S, self._deliver, "delivery", "deliver")
        self._every(TIMERS_S, self._timers, "timers", "timers")
        self._every(DIGESTS_S, self._digests, "timers", "digests")
        self._every(PRUNE_S, self._prune, "default", "prune")
        self._scheduler.start()

    def stop(self) -> None:
        """End: running crawls are killed, which leaves no thread half stored; the rest finishes."""
        self._stop.set()
        # APScheduler would wait with its lock held, which a job that adds another one needs.
        self._scheduler.shutdown(wait=False)
        for executor in self._executors.values():
            executor.shutdown(wait=True)
        if self._forks is not None:
            self._forks.stop()

    def _every(self, seconds: int, job: Callable[[], None], executor: str, name: str) -> None:
        def run() -> None:
            again = True
            while again and not self._stop.is_set():
                self._wanted.discard(name)
                job()
                again = name in self._wanted

        self._scheduler.add_job(
            run,
            "interval",
            seconds=seconds,
            executor=executor,
            id=name,
            name=name,
            next_run_time=self._runtime.now(),
        )

    def _start_due(self) -> None:
        due = dict.fromkeys(jobs.due_sources(self._runtime), False)
        for source_id, hot in (dict.fromkeys(jobs.hot_sources(self._runtime), True) | due).items():
            if source_id not in self._crawling and not self._stop.is_set():
                self._crawling.add(source_id)
                self._scheduler.add_job(
                    self._crawl,
                    args=[source_id, hot],
                    executor="crawls",
                    name=f"crawl source {source_id}" + (" (heated threads)" if hot else ""),
                    misfire_grace_time=None,  # it may wait for its turn as long as it takes
                )

    def _crawl(self, source_id: int, hot: bool) -> None:
        try:
            if self._stop.is_set():
                return
            start = self._forks.start if self._forks is not None else None
            run = jobs.crawl_source(self._runtime, source_id, stop=self._stop, hot=hot, start=start)
            if run.posts:
                self.wake("judge")
        except jobs.SourceBusy as error:
            logger.info("%s", error)
        finally:
            self._crawling.discard(source_id)

    def _work(self) -> None:
        assessed = time.monotonic()

        def assess_meanwhile() -> None:
            """Assess now and then: a backlog of hours must not keep the first alert for hours."""
            nonlocal assessed
            if time.monotonic() - assessed > ASSESS_S:
                self._assess()
                assessed = time.monotonic()

        try:
            jobs.score(self._runtime, stop=self._stop.is_set, after_some=assess_meanwhile)
        finally:
            self._assess()

    def _assess(self) -> None:
        if jobs.judge_threads(self._runtime).alerts:
            self.wake("deliver")

    def wake(self, job: str) -> None:
        """Have ``judge`` or ``deliver`` done now; once more if it is at work."""
        if not self._stop.is_set():
            self._wanted.add(job)
            with contextlib.suppress(JobLookupError):
                self._scheduler.modify_job(job, next_run_time=self._runtime.now())

    def _digests(self) -> None:
        if jobs.digests_due(self._runtime):
            self.wake("deliver")

    def _timers(self) -> None:
        if jobs.timers_due(self._runtime).notices:
            self.wake("deliver")

    def _deliver(self) -> None:
        jobs.deliver(self._runtime)

    def _prune(self) -> None:
        jobs.prune(self._runtime)

    def _tell(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_MISSED:
            logger.warning("%s could not start in time and was left out", event.job_id)
        elif event.code == EVENT_JOB_MAX_INSTANCES:
            logger.debug("%s is still running", event.job_id)
        elif isinstance(error := event.exception, QuietwordError):
            logger.error("%s: %s", event.job_id, error)
        else:
            logger.error("%s failed; it is tried again", event.job_id, exc_info=error)
