#!/usr/bin/env python3
"""Writes the fixtures that core is compared with: what PyTorch computes for ops, losses and training runs.

Run it with any Python that has torch:  python3 test/pytorch/generate.py
It writes ops.json and training.json to test/fixtures; both say which version made them. Inputs, initial weights and
batches follow from formulas (`noise`), which ../pytorch.test.ts repeats, so that the fixtures hold results only.
"""

import base64
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

fixtures = Path(__file__).parent.parent / "fixtures"
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def noise(size, seed):
    """Float32 numbers in [-1, 1) from a multiplicative hash of (seed, position); the same in TypeScript."""
    i = np.arange(size, dtype=np.uint64) + np.uint64(seed * 1_000_003 + 1)
    x = (i * np.uint64(2_654_435_761)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(2_246_822_519)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(13)
    return (x.astype(np.float64) / 2**31 - 1).astype(np.float32)


def tensor(shape, seed, low=-2.0, high=2.0):
    size = math.prod(shape)
    values = (noise(size, seed).astype(np.float64) * (high - low) / 2 + (high + low) / 2).astype(np.float32)
    return torch.from_numpy(values.reshape(shape))


def integers(shape, seed, limit):
    values = np.floor((noise(math.prod(shape), seed).astype(np.float64) + 1) / 2 * limit).astype(np.int64)
    return torch.from_numpy(np.minimum(values, limit - 1).reshape(shape))


def encode(x):
    """Shape and float32 bytes."""
    values = x.detach().to(torch.float32).contiguous().numpy()
    return {"shape": list(x.shape), "data": base64.b64encode(values.tobytes()).decode()}


class Case:
    """One op: inputs as (shape, low, high), or (shape, limit) for integers; `f` maps them to the output."""

    def __init__(self, name, f, *inputs):
        self.name, self.f, self.inputs = name, f, inputs

    def run(self):
        values = []
        for seed, spec in enumerate(self.inputs):
            if len(spec) == 2:
                values.append(integers(spec[0], seed, spec[1]))
            else:
                values.append(tensor(spec[0], seed, spec[1], spec[2]).requires_grad_())
        y = self.f(*values)
        result = {"name": self.name, "inputs": [list(spec) for spec in self.inputs], "output": encode(y)}
        floats = [x for x in values if x.requires_grad]
        if y.requires_grad and y.is_floating_point():
            weights = tensor(y.shape, 99, 0.5, 1.5)
            gradients = torch.autograd.grad((y * weights).sum(), floats, allow_unused=True)
            result["gradients"] = [encode(torch.zeros_like(x) if g is None else g) for x, g in zip(floats, gradients)]
        return result


def real(*shape, low=-2.0, high=2.0):
    return (list(shape), low, high)


def index(*shape, limit):
    return (list(shape), limit)


a35, positive = real(3, 5), real(3, 5, low=0.2, high=3.0)
image, volume = real(2, 3, 7, 6), real(2, 4, 9)

unary = {
    "neg": (torch.neg, a35), "exp": (torch.exp, a35), "expm1": (torch.expm1, a35), "log": (torch.log, positive),
    "log1p": (torch.log1p, positive), "sqrt": (torch.sqrt, positive), "rsqrt": (torch.rsqrt, positive),
    "square": (torch.square, a35), "reciprocal": (torch.reciprocal, positive), "abs": (torch.abs, a35),
    "sign": (torch.sign, a35), "sin": (torch.sin, a35), "cos": (torch.cos, a35), "tanh": (torch.tanh, a35),
    "sigmoid": (torch.sigmoid, a35), "erf": (torch.erf, a35), "relu": (F.relu, a35),
    "leakyRelu": (F.leaky_relu, a35), "elu": (F.elu, a35), "gelu": (F.gelu, a35),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), a35), "silu": (F.silu, a35), "softplus": (F.softplus, a35),
}

cases = [Case(name, f, spec) for name, (f, spec) in unary.items()]
cases += [
    # Arithmetic, with broadcasting.
    Case("add", torch.add, real(3, 5), real(5)),
    Case("sub", torch.sub, real(3, 1), real(2, 1, 5)),
    Case("mul", torch.mul, real(3, 5), real(3, 1)),
    Case("div", torch.div, real(3, 5), positive),
    Case("pow", torch.pow, positive, real(5)),
    Case("pow 3", lambda x: x**3, a35),
    Case("maximum", torch.maximum, real(3, 5), real(5)),
    Case("minimum", torch.minimum, real(3, 5), real(3, 1)),
    Case("clamp", lambda x: torch.clamp(x, -0.5, 0.7), a35),
    Case("where", lambda c, x, y: torch.where(c > 0, x, y), index(3, 5, limit=2), real(3, 5), real(5)),
    # Reductions.
    Case("sum", lambda x: x.sum((0, 2)), real(3, 4, 5)),
    Case("mean", lambda x: x.mean(1, keepdim=True), real(3, 4, 5)),
    Case("variance", lambda x: x.var(1), real(3, 4, 5)),
    Case("variance 0", lambda x: x.var((0, 2), unbiased=False), real(3, 4, 5)),
    Case("max", lambda x: x.amax(1), real(3, 4, 5)),
    Case("min", lambda x: x.amin((0, 2)), real(3, 4, 5)),
    Case("argmax", lambda x: x.argmax(1), real(3, 4, 5)),
    Case("argmin", lambda x: x.argmin(-1), real(3, 4, 5)),
    Case("prod", lambda x: x.prod(1), real(3, 4, 5)),
    Case("logSumExp", lambda x: x.logsumexp((1, 2)), real(3, 4, 5)),
    Case("norm", lambda x: x.norm(dim=1), real(3, 4, 5)),
    Case("norm 1", lambda x: x.norm(p=1, dim=2), real(3, 4, 5)),
    Case("cumsum", lambda x: x.cumsum(1), real(3, 4, 5)),
    Case("softmax", lambda x: x.softmax(1), real(3, 4, 5)),
    Case("logSoftmax", lambda x: x.log_softmax(-1), real(3, 4, 5)),
    # Products.
    Case("matmul", torch.matmul, real(3, 4), real(4, 5)),
    Case("matmul batched", torch.matmul, real(2, 1, 3, 4), real(5, 4, 2)),
    Case("matmul vector", torch.matmul, real(2, 3, 4), real(4)),
    Case("outer", torch.outer, real(3), real(5)),
    Case("linear", F.linear, real(2, 3, 4), real(5, 4), real(5)),
    Case("einsum", lambda x, y: torch.einsum("bik,bjk->bij", x, y), real(2, 3, 4), real(2, 5, 4)),
    Case("einsum three", lambda x, y, z: torch.einsum("ij,jk,kl->il", x, y, z), real(2, 3), real(3, 4), real(4, 5)),
    # Shape and indexing.
    Case("reshape", lambda x: x.reshape(5, -1), real(3, 4, 5)),
    Case("permute", lambda x: x.permute(2, 0, 1), real(3, 4, 5)),
    Case("slice", lambda x: x[1:, ::2, -3:-1], real(3, 4, 5)),
    Case("cat", lambda x, y: torch.cat([x, y], 1), real(3, 2), real(3, 4)),
    Case("stack", lambda x, y: torch.stack([x, y], 1), real(3, 2), real(3, 2)),
    Case("pad", lambda x: F.pad(x, (1, 2, 0, 3), value=0.5), real(2, 3, 4)),
    Case("flip", lambda x: x.flip(0, 2), real(2, 3, 4)),
    Case("tril", lambda x: x.tril(-1), real(4, 5)),
    Case("triu", lambda x: x.triu(1), real(4, 5)),
    Case("gather", lambda x, i: x.gather(1, i), real(3, 5), index(3, 4, limit=5)),
    Case("indexSelect", lambda x, i: x.index_select(1, i), real(3, 5), index(6, limit=5)),
    Case("scatterAdd", lambda x, i, y: x.scatter_add(1, i, y), real(3, 5), index(3, 4, limit=5), real(3, 4)),
    Case("oneHot", lambda i: F.one_hot(i, 5), index(4, limit=5)),
    Case("embedding", lambda i, w: F.embedding(i, w), index(2, 3, limit=6), real(6, 4)),
    # Convolution and pooling.
    Case("conv1d", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), volume, real(5, 4, 3), real(5)),
    Case("conv2d", lambda x, w, b: F.conv2d(x, w, b, padding=1), image, real(4, 3, 3, 3), real(4)),
    Case("conv2d strided", lambda x, w: F.conv2d(x, w, stride=(2, 1), dilation=2, padding=(2, 1)), image, real(4, 3, 3, 2)),
    Case("conv2d groups", lambda x, w: F.conv2d(x, w, groups=3), image, real(6, 1, 3, 2)),
    Case("maxPool2d", lambda x: F.max_pool2d(x, 2), image),
    Case("maxPool2d padded", lambda x: F.max_pool2d(x, 3, stride=2, padding=1), image),
    Case("avgPool2d", lambda x: F.avg_pool2d(x, 3, stride=2, padding=1), image),
    Case("adaptiveAvgPool2d", lambda x: F.adaptive_avg_pool2d(x, (3, 4)), image),
    # Normalisation and attention.
    Case("layerNorm", lambda x, w, b: F.layer_norm(x, (5,), w, b), real(3, 4, 5), real(5), real(5)),
    Case("rmsNorm", lambda x, w: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w, real(3, 4, 5), real(5)),
    Case("groupNorm", lambda x, w, b: F.group_norm(x, 2, w, b), real(2, 4, 3, 3), real(4), real(4)),
    Case("batchNorm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), real(4, 3, 2, 2), real(3), real(3)),
    Case("attention", lambda q, k, v: attention(q, k, v), real(2, 2, 5, 4), real(2, 2, 6, 4), real(2, 2, 6, 4)),
    Case("attention causal", lambda q, k, v: attention(q, k, v, True), real(2, 2, 5, 4), real(2, 2, 5, 4), real(2, 2, 5, 4)),
    # Losses.
    Case("crossEntropy", F.cross_entropy, real(6, 5), index(6, limit=5)),
    Case("crossEntropy smooth", lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1), real(6, 5), index(6, limit=5)),
    Case("crossEntropy ignore", lambda x, y: F.cross_entropy(x, y, ignore_index=2), real(6, 5), index(6, limit=5)),
    Case("crossEntropy probabilities", lambda x, y: F.cross_entropy(x, y.softmax(1)), real(6, 5), real(6, 5)),
    Case("crossEntropy sum", lambda x, y: F.cross_entropy(x, y, reduction="sum"), real(4, 5, 3), index(4, 3, limit=5)),
    Case("nll", lambda x, y: F.nll_loss(x.log_softmax(1), y), real(6, 5), index(6, limit=5)),
    Case("mse", F.mse_loss, real(3, 5), real(3, 5)),
    Case("l1", F.l1_loss, real(3, 5), real(3, 5)),
    Case("huber", lambda x, y: F.huber_loss(x, y, delta=0.7), real(3, 5), real(3, 5)),
    Case("bceWithLogits", F.binary_cross_entropy_with_logits, real(3, 5), real(3, 5, low=0.0, high=1.0)),
    Case("klDiv", lambda x, y: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"), real(3, 5), real(3, 5)),
]


def attention(q, k, v, causal=False):
    """Scaled dot-product attention, by its definition (it is not in old versions of PyTorch)."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores).triu(1) > 0, -math.inf)
    return scores.softmax(-1) @ v


# --- Training runs: initial weights, batches and losses of 100 steps.

STEPS = 100
SONNET = (
    "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\n"
    "Rough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date:\n"
    "Sometime too hot the eye of heaven shines,\nAnd often is his gold complexion dimm'd;\n"
    "And every fair from fair sometime declines,\nBy chance, or nature's changing course, untrimm'd;\n"
    "But thy eternal summer shall not fade\nNor lose possession of that fair thou owest;\n"
    "Nor shall Death brag thou wander'st in his shade,\nWhen in eternal lines to time thou growest:\n"
    "So long as men can breathe or eyes can see,\nSo long lives this and this gives life to thee.\n"
)


def initialise(parameters):
    """Parameter k gets `noise` with seed k: matrices within 1/sqrt(fan in), vectors as offsets from their start."""
    with torch.no_grad():
        for k, p in enumerate(parameters):
            values = torch.from_numpy(noise(p.numel(), 1000 + k).reshape(p.shape))
            if p.dim() > 1:
                p.copy_(values / math.sqrt(p[0].numel()))
            else:
                # Gains of norms start at 1, biases at 0.
                p.copy_(values * 0.1 + p.mean().round())


def classification(model, optimizer, shape, batch):
    """Five fixed batches in turn."""
    batches = [
        (tensor([batch, *shape], 200 + k, 0.0, 1.0), integers([batch], 300 + k, 10)) for k in range(5)
    ]
    losses = []
    for step in range(STEPS):
        x, y = batches[step % 5]
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train_mlp():
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    )
    initialise(list(model.parameters()))
    return classification(model, torch.optim.Adam(model.parameters(), lr=1e-3), [784], 32)


def train_lenet():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(6, 16, 5), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Flatten(),
        torch.nn.Linear(400, 120), torch.nn.ReLU(), torch.nn.Linear(120, 84), torch.nn.ReLU(), torch.nn.Linear(84, 10),
    )
    initialise(list(model.parameters()))
    return classification(model, torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9), [1, 28, 28], 8)


class Block(torch.nn.Module):
    """A pre-norm transformer block; parameters in the order of core's TransformerBlock."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_projection = torch.nn.Linear(width, 3 * width)
        self.out_projection = torch.nn.Linear(width, width)
        self.up = torch.nn.Linear(width, 4 * width)
        self.down = torch.nn.Linear(4 * width, width)
        self.norm1 = torch.nn.LayerNorm(width)
        self.norm2 = torch.nn.LayerNorm(width)

    def forward(self, x):
        n, t, c = x.shape
        split = self.in_projection(self.norm1(x)).reshape(n, t, 3, self.heads, c // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        x = x + self.out_projection(attention(q, k, v, True).transpose(1, 2).reshape(n, t, c))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class CharModel(torch.nn.Module):
    """Two blocks over characters with learned positions."""

    def __init__(self, vocabulary, width=32, heads=4, context=16):
        super().__init__()
        self.tokens = torch.nn.Embedding(vocabulary, width)
        self.positions = torch.nn.Embedding(context, width)
        self.blocks = torch.nn.Sequential(Block(width, heads), Block(width, heads))
        self.norm = torch.nn.LayerNorm(width)
        self.head = torch.nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        x = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def train_transformer():
    """AdamW, ten steps of warm-up and a cosine, gradients clipped to norm 1; batches of 8 windows of the sonnet."""
    letters = sorted(set(SONNET))
    text = torch.tensor([letters.index(c) for c in SONNET])
    model = CharModel(len(letters))
    initialise(list(model.parameters()))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1)
    losses = []
    for step in range(STEPS):
        starts = integers([8], 400 + step, len(text) - 17)
        windows = torch.stack([text[i : i + 17] for i in starts])
        loss = F.cross_entropy(model(windows[:, :-1]).reshape(-1, len(letters)), windows[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if step < 10:
            lr = 3e-3 * (0.1 + 0.9 * step / 10)
        else:
            lr = 3e-4 + (3e-3 - 3e-4) * 0.5 * (1 + math.cos(math.pi * (step - 10) / (STEPS - 10)))
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        losses.append(loss.item())
    return losses


def write(name, content):
    file = fixtures / name
    file.write_text(json.dumps({"torch": torch.__version__, **content}, separators=(",", ":")) + "\n")
    print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    write("ops.json", {"cases": [case.run() for case in cases]})
    runs = {"mlp": train_mlp(), "lenet": train_lenet(), "transformer": train_transformer()}
    write("training.json", {"text": SONNET, "losses": runs})
