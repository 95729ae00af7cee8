// Short hashes of tensors, to compare threads, and now with before. Knows nothing of jobs.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { hashBytes } from "../data/column-hash.ts";
import { JobError } from "../errors.ts";
import { tensorBytes } from "./arrays/model-places.ts";

/** A tensor by name: its type, a hash of its elements, and some elements to show. */
export interface Digest {
  name: string;
  /** `float32 [2,3]`. */
  kind: string;
  hash: string;
  /** Evenly spaced elements. */
  shown: { at: number; value: number }[];
}

const mostShown = 16;

/** The bytes of a contiguous tensor, in the heap. */
function bytesOf(x: Tensor): Uint8Array {
  const { address } = x;
  return heap().uint8.subarray(address, address + tensorBytes(x));
}

/** A hash of a tensor's elements. */
export function hashTensor(x: Tensor): string {
  return hashBytes(x.contiguous ? bytesOf(x) : new Uint8Array(x.toArray().buffer));
}

export function digestOf(name: string, x: Tensor): Digest {
  const kind = `${x.dtype} [${x.shape.join(",")}]`;
  const { filling } = x.storage;
  // What it will be filled with says as much, and needs no memory.
  if (filling) {
    const place = `${x.offset} ${x.strides} of ${filling.description}`;
    return { name, kind, hash: hashBytes(new TextEncoder().encode(place)), shown: [] };
  }
  const values = x.contiguous ? x.data() : x.toArray();
  const count = Math.min(mostShown, x.size);
  const shown = Array.from({ length: count }, (_, i) => {
    const at = Math.floor((i * x.size) / count);
    return { at, value: Number(values[at]!) };
  });
  return { name, kind, hash: hashTensor(x), shown };
}

/** How two digests of a tensor differ, as `0.5 here, 0.25 there`; undefined if they do not. */
export function differenceOf(
  here: Digest | undefined,
  there: Digest | undefined,
  names: readonly [here: string, there: string],
): string | undefined {
  const tell = (a: unknown, b: unknown) => `${String(a)} ${names[0]}, ${String(b)} ${names[1]}`;
  if (here?.kind !== there?.kind) return tell(here?.kind ?? "nothing", there?.kind ?? "nothing");
  if (here?.hash === there?.hash) return undefined;
  const differing = here!.shown.find(({ value }, i) => !Object.is(value, there!.shown[i]!.value));
  if (!differing)
    return `in some elements, as a hash ${tell(here!.hash.slice(0, 8), there!.hash.slice(0, 8))}`;
  const { at, value } = differing;
  const other = there!.shown.find((shown) => shown.at === at)!.value;
  const place = here!.kind.endsWith("[]") ? "" : `element ${at} is `;
  return place + tell(value, other);
}

/** Names for the two sides, in messages. */
export const places = (rank: number) => [`on worker ${rank}`, "on the main thread"] as const;

/** The tensors of a model as model() returned it. */
export function digestModel(model: AnyModule): Digest[] {
  return model.namedTensors().map(([name, x]) => digestOf(name, x));
}

/** @throws JobError if model() returned something else on a worker than on the main thread */
export function compareModels(own: readonly Digest[], expected: readonly Digest[], rank: number): void {
  const others = new Map(expected.map((digest) => [digest.name, digest]));
  const names = new Set([...own, ...expected].map(({ name }) => name));
  const mine = new Map(own.map((digest) => [digest.name, digest]));
  for (const name of names) {
    const difference = differenceOf(mine.get(name), others.get(name), places(rank));
    if (difference === undefined) continue;
    throw new JobError(
      `train: model() made another ${name}: ${difference}; it must not depend on the thread: draw initial values with core's rand, randn or init functions, which follow the seed, and not with Math.random`,
    );
  }
}
