"""A contender's side of the protocol of ../src/protocol.ts: reads commands, answers, measures the process, and ends with its
standard input. Knows no library."""
import json
import math
import os
import queue
import resource
import signal
import sys
import threading
import time

WARM_UP_SECONDS = 0.3


def vitals():
    """Peak resident memory and processor time of this process."""
    return _peak_memory_bytes(), time.process_time()


def _peak_memory_bytes():
    try:
        # Unlike ru_maxrss, this excludes what the parent had at the fork.
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def warm_up(run):
    """Seconds of a step, once the first ones are done. `run` makes so many steps and returns their seconds."""
    seconds = last = run(1)
    count = 1
    while seconds < WARM_UP_SECONDS:
        spent = run(count)
        last = spent / count
        seconds += spent
        count *= 2
    return last


class _Served:
    """A contender has `prepare(command)`, which returns a dictionary, `run(steps)`, which returns seconds, and `vitals()`."""

    def __init__(self, contender):
        self.contender = contender
        self.idle_since = None

    def prepare(self, command):
        prepared = self.contender.prepare(command)
        # JSON has no other numbers.
        if not all(math.isfinite(loss) for loss in prepared["losses"]):
            raise ArithmeticError(f"its losses are {prepared['losses']}")
        return prepared

    def run(self, command):
        if command["warm"] > 0:
            self.contender.run(command["warm"])
        return {"ms": self.contender.run(command["steps"]) * 1000, "steps": command["steps"]}

    def answer(self, line):
        """The answer to one command, as one line."""
        idle = self._idle_share()
        try:
            command = json.loads(line)
            result = getattr(self, command["command"])(command)
            memory, processor = self.contender.vitals()
            self.idle_since = (time.perf_counter(), processor)
            return {"ok": True, **result, "idleShare": idle, "peakMemoryBytes": memory}
        except Exception as error:  # Whatever it is, its first line is the answer.
            self.idle_since = None
            what = next((line for line in str(error).splitlines() if line.strip()), "")
            return {"ok": False, "reason": f"{type(error).__name__}: {what}"}

    def _idle_share(self):
        """Share of one core that was used since the last answer."""
        if not self.idle_since:
            return 0
        wall, processor = self.idle_since
        return (self.contender.vitals()[1] - processor) / (time.perf_counter() - wall)


def _read_lines(lines):
    for line in sys.stdin:
        lines.put(line)
    # The bench is gone. The main thread may be in the middle of a step; do not wait for it.
    os._exit(0)


def serve(contender):
    """Answers commands for ever."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    lines = queue.Queue()
    threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
    served = _Served(contender)
    while True:
        print(json.dumps(served.answer(lines.get())), flush=True)
