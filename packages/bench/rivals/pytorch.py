"""PyTorch as a contender: one process with threads of its own, the same with what torch.compile makes of the step, or
DistributedDataParallel over gloo with one rank a core.

    python3 pytorch.py threads|compile|ddp
"""
import os
import re
import sys

import torch

from pytorch_ranks import Group
from pytorch_threads import use_threads, ways_to_use
from serve import serve, warm_up


def version(mode, ranks, threads):
    """The versions of PyTorch and of the BLAS and convolution libraries that it has: built in, or loaded."""
    built = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    try:
        with open("/proc/self/maps") as maps:
            files = {os.path.basename(line.split()[-1]) for line in maps if ".so" in line}
        libraries = sorted(name for name in files if re.match(r"lib(open)?(blas|mkl|blis|dnnl)", name))
    except OSError:
        libraries = []
    how = f"{ranks} ranks" if ranks > 1 else f"threads {threads[0]} (BLAS {threads[1]})"
    compiled = ["compiled"] if mode == "compile" else []
    return ", ".join([f"PyTorch {torch.__version__}", *compiled, how, *([built[1]] if built else []), *libraries])


class Pytorch:
    def __init__(self, mode):
        self.mode = mode
        self.group = None

    def prepare(self, command):
        workers = min(command["workers"], command["model"]["batch"])
        group = self.group = Group(self.mode, workers, command["folder"])
        parameters = group.call("prepare", command)
        losses = group.call("check", command["checkSteps"])
        threads = (1, 1)
        last = warm_up(self.run)
        if self.mode != "ddp" and workers > 1:
            # The quickest way depends on the network, so take the best.
            timed = []
            for way in ways_to_use(workers):
                use_threads(*way)
                timed.append((warm_up(self.run), way))
            last, threads = min(timed)
            use_threads(*threads)
        return {
            "parameters": parameters,
            "losses": losses,
            "msPerStep": last * 1000,
            "version": version(self.mode, len(group.followers) + 1, threads),
        }

    def run(self, steps):
        return self.group.call("run", steps)

    def vitals(self):
        return self.group.vitals()


if __name__ == "__main__":
    serve(Pytorch(sys.argv[1]))
