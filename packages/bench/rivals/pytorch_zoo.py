"""The networks of the zoo in PyTorch. Modules are in the order of shardgrad's parameters, so that weights fit one by one."""
import torch
import torch.nn.functional as F
from torch import nn


def linears(sizes):
    """Linear layers with ReLU between them."""
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.ReLU(), nn.Linear(inputs, outputs)]
    return layers[1:]


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), *linears([400, 120, 84, 10]),
    )


class Attention(nn.Module):
    """Causal attention; PyTorch's fused one where there is one (from 2.0 on)."""

    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        # Not a buffer: DistributedDataParallel would broadcast it, and gloo does not support booleans.
        self.hidden = torch.ones(context, context, dtype=torch.bool).triu(1)

    def forward(self, x):
        batch, time, width = x.shape
        size = width // self.heads
        q, k, v = (
            part.view(batch, time, self.heads, size).transpose(1, 2) for part in self.project(x).split(width, 2)
        )
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q * size**-0.5) @ k.transpose(-2, -1)
            mixed = scores.masked_fill(self.hidden, float("-inf")).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, time, width))


class Block(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.attention = Attention(width, heads, context)
        self.linear1 = nn.Linear(width, 4 * width)
        self.linear2 = nn.Linear(4 * width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, context, vocabulary, **_):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads, context) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, x):
        h = self.blocks(self.tokens(x) + self.positions.weight)
        return self.head(self.norm(h)).flatten(0, 1)


def make_network(network):
    if network["kind"] == "mlp":
        return nn.Sequential(*linears(network["sizes"]))
    return lenet5() if network["kind"] == "lenet5" else Gpt(**network)


def make_optimizer(choice, parameters):
    """With the fused kernel where this PyTorch has one for the CPU (from 2.4 on), else as it comes."""
    parameters = list(parameters)
    optimizer = getattr(torch.optim, choice["kind"])
    try:
        return optimizer(parameters, lr=choice["lr"], fused=True)
    except (TypeError, RuntimeError):
        return optimizer(parameters, lr=choice["lr"])
