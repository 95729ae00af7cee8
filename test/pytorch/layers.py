#!/usr/bin/env python3
"""Writes test/fixtures/layers.json: what PyTorch's layers compute, with their names of parameters and buffers.

Run it with any Python that has torch:  python3 test/pytorch/layers.py
Parameter number k of a layer is `noise` with seed 1000 + k, halved; ../layers.test.ts repeats that.
"""

import torch
from generate import encode, integers, noise, tensor, write


def run(name, layer, inputs, forward=None, passes=1):
    """Outputs, gradients of inputs and parameters for fixed weights, and the buffers afterwards."""
    parameters = dict(layer.named_parameters())
    with torch.no_grad():
        for k, p in enumerate(parameters.values()):
            p.copy_(torch.from_numpy(noise(p.numel(), 1000 + k).reshape(p.shape)) / 2)
    for _ in range(passes):
        outputs = (forward or (lambda m, *x: m(*x)))(layer, *inputs)
    outputs = [outputs] if torch.is_tensor(outputs) else flatten(outputs)
    floats = [x for x in inputs if x.requires_grad]
    loss = sum((y * tensor(y.shape, 99 + i, 0.5, 1.5)).sum() for i, y in enumerate(outputs))
    gradients = torch.autograd.grad(loss, floats + list(parameters.values()))
    return {
        "name": name,
        "parameters": [[key, list(p.shape)] for key, p in parameters.items()],
        "inputs": [[list(x.shape), x.requires_grad] for x in inputs],
        "outputs": [encode(y) for y in outputs],
        "inputGradients": [encode(g) for g in gradients[: len(floats)]],
        "gradients": [encode(g) for g in gradients[len(floats) :]],
        "buffers": {key: encode(b) for key, b in layer.named_buffers()},
    }


def flatten(outputs):
    return [y for part in outputs for y in ([part] if torch.is_tensor(part) else flatten(part))]


def real(seed, *shape):
    return tensor(list(shape), seed).requires_grad_()


def attend(mask):
    """PyTorch's module hides where its mask is true."""
    return lambda m, q, k, v: m(q, k, v, attn_mask=None if mask is None else mask == 0, need_weights=False)[0]


nn = torch.nn
x35, image, sequence = real(0, 6, 5), real(0, 3, 4, 3, 2), real(0, 5, 3, 4)
block = nn.TransformerEncoderLayer(
    8, 2, dim_feedforward=12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
)
cases = [
    run("Linear", nn.Linear(5, 3), [x35]),
    run("BatchNorm1d", nn.BatchNorm1d(5), [x35], passes=2),
    run("BatchNorm1d length", nn.BatchNorm1d(4), [real(0, 2, 4, 5)]),
    run("BatchNorm1d average", nn.BatchNorm1d(5, momentum=None), [x35], passes=3),
    run("BatchNorm2d", nn.BatchNorm2d(4, eps=1e-3, momentum=0.3), [image]),
    run("BatchNorm2d evaluation", nn.BatchNorm2d(4).eval(), [image]),
    run("LayerNorm", nn.LayerNorm([3, 2]), [image]),
    run("GroupNorm", nn.GroupNorm(2, 4), [image]),
    run("Embedding", nn.Embedding(6, 3, padding_idx=2), [integers([2, 4], 0, 6)]),
    run("MultiHeadAttention", nn.MultiheadAttention(8, 2, batch_first=True), [real(0, 2, 3, 8)],
        lambda m, x: attend(None)(m, x, x, x)),
    run("MultiHeadAttention cross", nn.MultiheadAttention(8, 4, bias=False, batch_first=True),
        [real(0, 2, 3, 8), real(1, 2, 4, 8), real(2, 2, 4, 8)],
        attend(torch.tensor([[1, 0, 1, 1], [1, 1, 1, 0], [0, 0, 1, 0]]))),
    run("TransformerBlock", block, [real(0, 2, 4, 8)]),
    run("TransformerBlock causal", block, [real(0, 2, 4, 8)],
        lambda m, x: m(x, src_mask=torch.ones(4, 4).triu(1) > 0)),
    run("RNN", nn.RNN(4, 3, batch_first=True), [sequence]),
    run("RNN relu", nn.RNN(4, 3, nonlinearity="relu", batch_first=True), [sequence, real(1, 1, 5, 3)]),
    run("RNN time first", nn.RNN(4, 3), [sequence, real(1, 1, 3, 3)]),
    run("LSTM", nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True), [sequence]),
    run("LSTM state", nn.LSTM(4, 3, bias=False, batch_first=True), [sequence, real(1, 1, 5, 3), real(2, 1, 5, 3)],
        lambda m, x, h, c: m(x, (h, c))),
    run("GRU", nn.GRU(4, 3, num_layers=2, bidirectional=True, batch_first=True),
        [sequence, real(1, 4, 5, 3)]),
]

if __name__ == "__main__":
    write("layers.json", {"cases": cases})
