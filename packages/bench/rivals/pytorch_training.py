"""Training of one network of the zoo, by one rank of several or by the only one. Nothing happens in a step that is not
training: batches lie ready in memory, gradients are set to None, losses are read when the clock has stopped."""
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F

from contender_data import read_batch, read_weights
from pytorch_zoo import make_network, make_optimizer


def tensor_of(numbers):
    """In memory of PyTorch's own."""
    return torch.frombuffer(numbers, dtype=torch.float32 if numbers.typecode == "f" else torch.int32).clone()


class Training:
    def __init__(self, rank, ranks, is_compiled=False):
        self.rank = rank
        self.ranks = ranks
        self.is_compiled = is_compiled

    def prepare(self, command):
        model, folder = command["model"], command["folder"]
        batch = model["batch"]
        self.first, self.end = (batch * part // self.ranks for part in (self.rank, self.rank + 1))
        # DDP averages over ranks, which may have different numbers of samples: so weighted, over samples.
        self.weight = (self.end - self.first) * self.ranks / batch
        self.batches = [self._read_batch(folder, model, i) for i in range(model["batches"])]
        network = make_network(model["network"])
        self._load(network, tensor_of(read_weights(folder)))
        self.optimizer = make_optimizer(model["optimizer"], network.parameters())
        self.network = network
        if self.ranks > 1:
            parallel = torch.nn.parallel.DistributedDataParallel
            self.network = parallel(network, gradient_as_bucket_view=True, static_graph=True)
        self.loss = self._compiled_loss() if self.is_compiled else self._loss
        self.next = 0
        return sum(p.numel() for p in network.parameters())

    @staticmethod
    def _load(network, weights):
        found = sum(p.numel() for p in network.parameters())
        if found != weights.numel():
            raise ValueError(f"the network has {found} parameters, expected {weights.numel()}")
        start = 0
        with torch.no_grad():
            for p in network.parameters():
                p.copy_(weights[start : start + p.numel()].view_as(p))
                start += p.numel()

    def _read_batch(self, folder, model, index):
        """This rank's samples of one batch: inputs and labels."""
        (x, x_shape), (y, _) = read_batch(folder, model, index, self.first, self.end)
        x = tensor_of(x).view(self.end - self.first, *x_shape)
        return (x.long() if model["network"]["kind"] == "gpt" else x), tensor_of(y).long()

    def _loss(self, x, y):
        return F.cross_entropy(self.network(x), y)

    def _compiled_loss(self):
        """By inductor, in this process: its helpers would outlive the compilation."""
        import torch._inductor.config as inductor

        inductor.compile_threads = 1
        return torch.compile(self._loss)

    def _step(self, index):
        """One step on one batch; its loss, before the update."""
        x, y = self.batches[index]
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, y)
        if self.weight != 1:
            loss = loss * self.weight
        loss.backward()
        self.optimizer.step()
        return loss

    def check(self, steps):
        """Losses of steps on the first batch alone, over all ranks."""
        losses = []
        for _ in range(steps):
            loss = self._step(0).detach()
            if self.ranks > 1:
                dist.all_reduce(loss)
            losses.append(loss.item() / self.ranks)
        return losses

    def run(self, steps):
        """Seconds that `steps` steps take all ranks."""
        self._meet()
        started = time.perf_counter()
        for _ in range(steps):
            self._step(self.next)
            self.next = (self.next + 1) % len(self.batches)
        self._meet()
        return time.perf_counter() - started

    def _meet(self):
        if self.ranks > 1:
            dist.barrier()
