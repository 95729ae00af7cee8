"""PyTorch as a contender: one process with threads of its own, or DistributedDataParallel over gloo with one rank a core.
Speaks the protocol of ../src/protocol.ts.

    python3 pytorch.py threads|ddp
"""
import json
import os
import queue
import signal
import sys
import threading
import time

import torch

from pytorch_ranks import Group
from pytorch_threads import use_threads, ways_to_use

WARM_UP_SECONDS = 0.3


def version(group, threads):
    """The versions of PyTorch and of the BLAS and convolution libraries that it has loaded."""
    try:
        with open("/proc/self/maps") as maps:
            files = {os.path.basename(line.split()[-1]) for line in maps if line.rstrip().endswith((".so",)) or ".so." in line}
        names = ("blas", "mkl", "blis", "dnnl")
        libraries = sorted(name for name in files if any(part in name.lower() for part in names))
    except OSError:
        libraries = []
    ranks = len(group.followers) + 1
    how = f"{ranks} ranks" if ranks > 1 else f"threads {threads[0]} (BLAS {threads[1]})"
    return f"PyTorch {torch.__version__}, {how}, {' '.join(libraries)}"


def warm_up(group):
    """Seconds of a step, once the first ones are done."""
    seconds = last = group.call("run", 1)
    count = 1
    while seconds < WARM_UP_SECONDS:
        spent = group.call("run", count)
        last = spent / count
        seconds += spent
        count *= 2
    return last


class Contender:
    def __init__(self, mode):
        self.mode = mode
        self.group = None
        self.idle_since = None

    def prepare(self, command):
        workers = min(command["workers"], command["model"]["batch"])
        group = self.group = Group(self.mode, workers, command["folder"])
        parameters = group.call("prepare", command)
        losses = group.call("check", command["checkSteps"])
        threads = (1, 1)
        last = warm_up(group)
        if self.mode == "threads" and workers > 1:
            # The quickest way depends on the network, so take the best.
            timed = []
            for way in ways_to_use(workers):
                use_threads(*way)
                timed.append((warm_up(group), way))
            last, threads = min(timed)
            use_threads(*threads)
        return {
            "parameters": parameters,
            "losses": losses,
            "msPerStep": last * 1000,
            "version": version(group, threads),
        }

    def run(self, command):
        if command["warm"] > 0:
            self.group.call("run", command["warm"])
        return {"ms": self.group.call("run", command["steps"]) * 1000, "steps": command["steps"]}

    def answer(self, line):
        idle = self.idle_share()
        try:
            command = json.loads(line)
            result = getattr(self, command["command"])(command)
            answer = {"ok": True, **result, "idleShare": idle, "peakMemoryBytes": self.group.vitals()[0]}
        except Exception as error:  # Whatever it is, it is the answer.
            answer = {"ok": False, "reason": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
        self.idle_since = (time.perf_counter(), self.group.vitals()[1]) if self.group else None

    def idle_share(self):
        """Share of one core that was used since the last answer."""
        if not self.idle_since:
            return 0
        wall, processor = self.idle_since
        return (self.group.vitals()[1] - processor) / (time.perf_counter() - wall)


def read_lines(lines):
    for line in sys.stdin:
        lines.put(line)
    # The bench is gone. The main thread may be in the middle of a step; do not wait for it.
    os._exit(0)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    lines = queue.Queue()
    threading.Thread(target=read_lines, args=(lines,), daemon=True).start()
    contender = Contender(sys.argv[1])
    while True:
        contender.answer(lines.get())


if __name__ == "__main__":
    main()
