// A model's state under the names that PyTorch gives its own layers: `running_mean`, `weight_ih_l0`. The layouts are the
// same, so such a file loads there with strict=True, and here, too. Names of the user's own properties stay.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { BatchNorm1d, BatchNorm2d, GRU, LSTM, Module, MultiHeadAttention, RNN } from "@shardgrad/core";

/** Whose names are written. */
export type NamesChoice = "shardgrad" | "torch";

/** The layers of core some of whose names differ. */
const layers = [BatchNorm1d, BatchNorm2d, MultiHeadAttention, RNN, LSTM, GRU];

/** `weightIhL0Reverse` is `weight_ih_l0_reverse`. */
const snakeCase = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The path of a tensor, with PyTorch's names for what its layers hold. */
function torchName(model: AnyModule, name: string): string {
  let holder: unknown = model;
  const path = name.split(".").map((key) => {
    const isLayer = layers.some((layer) => holder instanceof layer);
    const parts = holder instanceof Module ? holder.parts() : holder;
    holder = (parts as Record<string, unknown> | undefined)?.[key];
    return isLayer ? snakeCase(key) : key;
  });
  return path.join(".");
}

/** The model's parameters and buffers by name. */
export function namedState(model: AnyModule, names: NamesChoice = "shardgrad"): Map<string, Tensor> {
  const state = model.stateDict();
  if (names === "shardgrad") return state;
  return new Map(Array.from(state, ([name, x]) => [torchName(model, name), x]));
}
