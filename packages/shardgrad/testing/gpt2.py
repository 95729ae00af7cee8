"""Seconds a step of PyTorch on the job of gpt2-job.ts, whose sizes are given as JSON."""

import json
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

settings = json.loads(sys.argv[1])
width, context, vocabulary = settings["width"], settings["context"], settings["vocabulary"]


class GPT2(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                settings["heads"],
                4 * width,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(settings["layers"])
        )
        self.norm = nn.LayerNorm(width)
        self.mask = nn.Transformer.generate_square_subsequent_mask(context)
        for name, x in self.named_parameters():
            if x.dim() >= 2:
                nn.init.normal_(x, 0, 0.02)

    def forward(self, x):
        h = self.tokens(x) + self.positions.weight
        for block in self.blocks:
            h = block(h, src_mask=self.mask, is_causal=True)
        return functional.linear(self.norm(h), self.tokens.weight)


def tokens(name):
    data = numpy.fromfile(f"{settings['folder']}/{name}", dtype=numpy.int32)
    return torch.from_numpy(data.astype(numpy.int64)).view(-1, context)


x, y = tokens("x"), tokens("y")
model = GPT2()
optimizer = torch.optim.AdamW(model.parameters(), lr=settings["learningRate"], weight_decay=0.1)
seconds = []
for step in range(settings["steps"]):
    rows = torch.randint(len(x), (settings["batchSize"],))
    start = time.perf_counter()
    optimizer.zero_grad()
    logits = model(x[rows])
    loss = functional.cross_entropy(logits.view(-1, vocabulary), y[rows].view(-1))
    loss.backward()
    optimizer.step()
    seconds.append(time.perf_counter() - start)
median = sorted(seconds[1:])[len(seconds[1:]) // 2]
print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads: {median:.2f} s a step, loss {loss.item():.3f}")
