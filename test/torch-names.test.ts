// Weights under PyTorch's names: they load there with strict=True and compute the same, and they load here.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSafetensors } from "@shardgrad/core";
import { load, train } from "@shardgrad/parallel";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sequences } from "./jobs/torch-layers.ts";

const job = new URL("./jobs/torch-layers.ts", import.meta.url);
const kernels = "wasm";
const folder = mkdtempSync(join(tmpdir(), "shardgrad-torch-"));
const [own, torch] = [join(folder, "own.safetensors"), join(folder, "torch.safetensors")] as const;
const x = sequences(3);

/** A Python that has torch: SHARDGRAD_PYTHON, or python3. */
const python = [process.env.SHARDGRAD_PYTHON, "python3"].find((candidate) => {
  try {
    execFileSync(candidate ?? "", ["-c", "import torch"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

beforeAll(async () => {
  await train(job, { workers: 1, kernels, out: own });
  await train(job, { workers: 1, kernels, out: torch, names: "torch" });
});
afterAll(() => rmSync(folder, { recursive: true }));

it("names of layers are PyTorch's, names of one's own properties stay", () => {
  const names = [...readSafetensors(readFileSync(torch)).tensors.keys()];
  expect(names).toEqual([
    ...["l0", "l0_reverse", "l1", "l1_reverse"].flatMap((suffix) =>
      ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((name) => `lstm.${name}_${suffix}`),
    ),
    ...["gru", "rnn"].flatMap((layer) =>
      ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((name) => `${layer}.${name}_l0`),
    ),
    "attention.in_proj_weight",
    "attention.in_proj_bias",
    "attention.out_proj.weight",
    "attention.out_proj.bias",
    ...["weight", "bias", "running_mean", "running_var", "num_batches_tracked"].map(
      (name) => `batchNorms.0.${name}`,
    ),
    "last.weight",
    "last.bias",
  ]);
});

it("the file loads here, to the same answers", async () => {
  using one = await load(job, own, { kernels });
  using other = await load(job, torch, { kernels });
  expect(other.predict({ x })).toEqual(one.predict({ x }));
});

it("names without a file are refused", async () => {
  await expect(train(job, { workers: 1, kernels, names: "torch" })).rejects.toThrow(
    "train: names says whose names `out` has, but there is no out; name a file, too",
  );
});

it.skipIf(!python)(
  "it loads in PyTorch with strict=True, to the same answers (skipped where python3 has no torch)",
  async () => {
    writeFileSync(join(folder, "x"), new Uint8Array(x.buffer, x.byteOffset, x.byteLength));
    const code = `
import sys, json, struct, torch
from torch import nn
path, inputs = sys.argv[1:]
data = open(path, "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + length])
kinds = {"F32": torch.float32, "I32": torch.int32}
state = {}
for name, entry in header.items():
    if name == "__metadata__": continue
    start, end = entry["data_offsets"]
    part = bytearray(data[8 + length + start:8 + length + end])
    state[name] = torch.frombuffer(part, dtype=kinds[entry["dtype"]]).reshape(entry["shape"])
class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(8, 5, batch_first=True)
        self.rnn = nn.RNN(5, 6, batch_first=True)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.batchNorms = nn.ModuleList([nn.BatchNorm1d(6)])
        self.last = nn.Linear(6, 1)
    def forward(self, x):
        c = self.rnn(self.gru(self.lstm(x)[0])[0])[0]
        d = self.attention(c, c, c)[0].mean(1)
        return self.last(self.batchNorms[0](d))
model = Layers()
model.load_state_dict(state, strict=True)
model.eval()
x = torch.frombuffer(bytearray(open(inputs, "rb").read()), dtype=torch.float32).reshape(-1, 7, 3)
with torch.no_grad(): print(json.dumps(model(x).flatten().tolist()))`;
    const found = JSON.parse(
      execFileSync(python!, ["-c", code, torch, join(folder, "x")], { encoding: "utf8" }),
    );
    using loaded = await load<never, number>(job, torch, { kernels });
    for (const [i, answer] of loaded.predict({ x }).entries()) expect(answer).toBeCloseTo(found[i], 5);
  },
);
