"""Ranks as processes: every call is made in all of them at once. Rank 0 is this process; the others follow it by a pipe,
and end when it does."""
import multiprocessing
import os
import sys

import torch.distributed as dist

from pytorch_threads import use_threads
from pytorch_training import Training
from serve import vitals


def join(rank, ranks, rendezvous):
    use_threads(1, 1)
    # Unless told otherwise, all ranks are on this machine, whose name may not resolve.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    dist.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=ranks)
    return Training(rank, ranks)


def follow(connection, rank, ranks, rendezvous):
    """A rank other than 0: executes calls until the pipe ends."""
    training = join(rank, ranks, rendezvous)
    while True:
        try:
            name, args = connection.recv()
        except EOFError:
            os._exit(0)
        connection.send(vitals() if name == "vitals" else getattr(training, name)(*args))


class Group:
    """`count` threads in this process, whose step may be compiled, or as many ranks of one thread."""

    def __init__(self, mode, count, folder):
        self.followers = []
        if mode != "ddp" or count == 1:
            own = 1 if mode == "ddp" else count
            use_threads(own, own)
            self.training = Training(0, 1, is_compiled=mode == "compile")
            return
        # A separate file per group, so that ranks of another group cannot join this one.
        rendezvous = f"file://{folder}/ranks-{os.getpid()}"
        context = multiprocessing.get_context("spawn")
        for rank in range(1, count):
            ours, theirs = context.Pipe()
            context.Process(target=follow, args=(theirs, rank, count, rendezvous), daemon=True).start()
            theirs.close()
            self.followers.append(ours)
        self.training = join(0, count, rendezvous)

    def call(self, name, *args):
        """What rank 0 returns, when all have done it."""
        for follower in self.followers:
            follower.send((name, args))
        result = getattr(self.training, name)(*args)
        for follower in self.followers:
            follower.recv()
        return result

    def vitals(self):
        """Peak memory and processor time, of all ranks together."""
        for follower in self.followers:
            follower.send(("vitals", ()))
        everybody = [vitals(), *(follower.recv() for follower in self.followers)]
        return sum(memory for memory, _ in everybody), sum(seconds for _, seconds in everybody)
