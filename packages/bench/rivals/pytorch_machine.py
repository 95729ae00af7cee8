"""One rank of PyTorch's DistributedDataParallel over gloo, on a machine of its own. The bench starts one on each, and gives
all of them the same commands at the same time.

    python3 pytorch_machine.py RANK RANKS tcp://HOST:PORT
"""
import sys

from pytorch import version
from pytorch_ranks import join
from serve import serve, vitals

# All ranks must make the same steps, so that no clock can decide on their number.
FIRST_STEPS = 4


class Rank:
    def __init__(self, rank, ranks, rendezvous):
        self.place = (int(rank), int(ranks), rendezvous)

    def prepare(self, command):
        self.training = join(*self.place)
        parameters = self.training.prepare(command)
        losses = self.training.check(command["checkSteps"])
        self.run(FIRST_STEPS)
        return {
            "parameters": parameters,
            "losses": losses,
            "msPerStep": self.run(FIRST_STEPS) / FIRST_STEPS * 1000,
            "version": version("ddp", self.place[1], (1, 1)),
        }

    def run(self, steps):
        return self.training.run(steps)

    def vitals(self):
        return vitals()


if __name__ == "__main__":
    serve(Rank(*sys.argv[1:]))
