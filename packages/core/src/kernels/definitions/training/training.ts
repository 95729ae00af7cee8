// Averages of the shards' gradients and of weights, and clipping. Each operation is rounded, so that threads may cut the
// work anywhere. The table of kernels says what each computes.
import type { Definition } from "../../language/definition.ts";
import { defineKernel, defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Routine, Target, Value, Variable } from "../../language/values.ts";
import { overElements } from "../loops/elements.ts";
import { sumWideOverRow } from "../loops/sums.ts";

/** Elements that are added up together: a few sums of them stay in the first-level cache. */
const block = 1024;
/** Sums of the tree that are open at a time: one for each bit of the number of shards. */
const depths = 32;
const flagBytes = 4 * depths;

/** For each open sum, whether it has a shard with a weight; and after them the sums. */
interface Stack {
  readonly flags: Value | Variable;
  readonly sums: Value | Variable;
}

/** Puts the upper sum, whose flag and block are given, together with the one below it. */
function mergeRoutine(target: Target): Routine {
  return defineRoutine("merge", ["i32", "near", "near"], target, (k, n, flag, sum) => {
    const below = k.variable("near", k.sub(sum, 4 * block));
    k.if(k.loadInt(flag), () =>
      k.if(
        k.loadInt(flag, -4),
        () => overElements(k, n, [below, sum], ({ load, store }) => store(0, k.add(load(0), load(1)))),
        () => {
          overElements(k, n, [below, sum], ({ load, store }) => store(0, load(1)));
          k.storeInt(flag, 1, -4);
        },
      ),
    );
  });
}

const isWeight = (k: Recorder, weight: Value | Variable) => k.do("mask.any", k.ne(weight, 0));

interface Average {
  readonly n: Variable;
  readonly shards: Variable;
  readonly slots: Variable;
  readonly weights: Variable;
  readonly scale: Variable;
  readonly y: Variable;
  /** The address of a shard's numbers, by the place in `slots`. */
  shardAt(shard: Value | Variable): Value;
  weightAt(shard: Value | Variable): Value;
}

/** y = scale·(wa·a + wb·b), without a detour through the scratch memory; without b if there is one shard. */
function ofTwo(
  k: Recorder,
  { n, scale, y, shardAt, weightAt }: Average,
  first: Variable,
  second: Variable,
): void {
  const [a, b] = [k.variable("ptr", shardAt(first)), k.variable("ptr", shardAt(second))];
  const [wa, wb] = [k.variable("v", weightAt(first)), k.variable("v", weightAt(second))];
  k.if(
    k.eq(first, second),
    () => overElements(k, n, [a, y], ({ load, store }) => store(1, k.mul(scale, k.mul(wa, load(0))))),
    () =>
      overElements(k, n, [a, b, y], ({ load, store }) =>
        store(2, k.mul(scale, k.add(k.mul(wa, load(0)), k.mul(wb, load(1))))),
      ),
  );
}

/** One block of y from the shards' tree of sums, in the order of pairwise.ts. */
function ofMany(
  k: Recorder,
  merge: Routine,
  stack: Stack,
  average: Average,
  from: Variable,
  n: Variable,
): void {
  const { shards, scale, y, shardAt, weightAt } = average;
  const depth = k.variable("near", 0);
  const flagAt = (place: Value | Variable) => k.add(stack.flags, k.shl(place, 2));
  const sumAt = (place: Value | Variable) => k.add(stack.sums, k.mul(place, 4 * block));
  const mergeTop = () => {
    k.increase(depth, -1);
    k.call(merge, n, flagAt(depth), sumAt(depth));
  };
  /** Merges as often as the count of finished sums is even. */
  const mergeWhileEven = (finished: Value) => {
    const done = k.variable("i32", finished);
    k.while(
      () => k.eq(k.and(done, 1), 0),
      () => {
        mergeTop();
        k.set(done, k.shr(done, 1));
      },
    );
  };
  const shard = k.variable("i32", 0);
  k.while(
    () => k.lt(shard, shards),
    () => {
      const weight = k.variable("v", weightAt(shard));
      const next = k.variable("v", 0);
      k.if(k.and(k.eq(k.and(shard, 1), 0), k.lt(k.add(shard, 1), shards)), () =>
        k.set(next, weightAt(k.add(shard, 1))),
      );
      const counts = k.variable("i32", isWeight(k, weight));
      k.storeInt(flagAt(depth), counts);
      const sum = k.variable("near", sumAt(depth));
      k.increase(depth, 1);
      k.if(
        k.and(counts, isWeight(k, next)),
        () => {
          const [a, b] = [shard, k.add(shard, 1)].map((s) => k.variable("ptr", k.add(shardAt(s), from)));
          overElements(k, n, [a!, b!, sum], ({ load, store }) =>
            store(2, k.add(k.mul(weight, load(0)), k.mul(next, load(1)))),
          );
          // What is left of this pair's two is one sum: the merge of single shards is done.
          k.increase(shard, 2);
          mergeWhileEven(k.shr(shard, 1));
        },
        () => {
          k.if(counts, () => {
            const a = k.variable("ptr", k.add(shardAt(shard), from));
            overElements(k, n, [a, sum], ({ load, store }) => store(1, k.mul(weight, load(0))));
          });
          k.increase(shard, 1);
          mergeWhileEven(k.read(shard));
        },
      );
    },
  );
  k.while(() => k.gt(depth, 1), mergeTop);
  const to = k.variable("ptr", k.add(y, from));
  const total = k.variable("near", stack.sums);
  k.if(
    k.loadInt(stack.flags),
    () => overElements(k, n, [total, to], ({ load, store }) => store(1, k.mul(scale, load(0)))),
    () => overElements(k, n, [to], ({ store }) => store(0, k.k(0))),
  );
}

function recordAverage(k: Recorder, average: Average): void {
  const { n, shards, weightAt } = average;
  const merge = mergeRoutine(k.target);
  const flags = k.variable("near", k.scratch());
  const stack = { flags, sums: k.variable("near", k.add(flags, flagBytes)) };
  // Two sums are one pair, wherever in the tree they are. A merge of blocks, and an average over two workers, has no more.
  const [places, first, second] = [k.variable("i32", 0), k.variable("i32", 0), k.variable("i32", 0)];
  const shard = k.variable("i32", 0);
  k.while(
    () => k.lt(shard, shards),
    () => {
      k.if(isWeight(k, weightAt(shard)), () => {
        k.if(k.eq(places, 0), () => k.set(first, shard));
        k.set(second, shard);
        k.increase(places, 1);
      });
      k.increase(shard, 1);
    },
  );
  k.if(
    k.and(k.ge(places, 1), k.le(places, 2)),
    () => ofTwo(k, average, first, second),
    () => {
      const start = k.variable("i32", 0);
      k.while(
        () => k.lt(start, n),
        () => {
          const count = k.variable("i32", k.min(k.sub(n, start), block));
          const from = k.variable("ptr", k.shl(k.do("to.ptr", start), 2));
          ofMany(k, merge, stack, average, from, count);
          k.increase(start, block);
        },
      );
    },
  );
}

export const training: readonly Definition[] = [
  defineKernel(
    "average",
    ["i32", "i32", "ptr", "ptr", "i32", "ptr", "f32", "ptr"],
    (k, ...given) => {
      const [n, shards, x, slots, stride, weights, scale, y] = given as [
        ...[Variable, Variable, Variable, Variable],
        ...[Variable, Variable, Variable, Variable],
      ];
      const step = k.variable("ptr", k.shl(k.do("to.ptr", stride), 2));
      const at = (cells: Variable, shard: Value | Variable) => k.at(cells, 0, k.do("to.ptr", shard), 4);
      recordAverage(k, {
        ...{ n, shards, slots, weights, scale, y },
        shardAt: (shard) => k.add(x, k.mul(k.do("to.ptr", k.loadInt(at(slots, shard))), step)),
        weightAt: (shard) => k.splat(at(weights, shard)),
      });
    },
    () => flagBytes + 4 * block * depths,
  ),
  defineKernel("ema", ["i32", "ptr", "ptr", "ptr"], (k, n, w, average, cells) => {
    const [decay, rest] = [k.splat(cells), k.splat(cells, 4)];
    overElements(k, n, [w, average], ({ load, store }) =>
      store(1, k.add(k.mul(decay, load(1)), k.mul(rest, load(0)))),
    );
  }),
  // The square of a float32 is exact in float64, and cannot overflow there.
  defineKernel("addSquares", ["i32", "ptr", "ptr"], (k, n, x, total) => {
    const squares = sumWideOverRow(k, n, x, (wide) => k.mul(wide, wide));
    k.storeFirstWide(total, k.add(k.splatWide(total), squares));
  }),
  defineKernel("clip", ["i32", "f32", "ptr"], (k, n, limit, x) => {
    const least = k.variable("v", k.xor(limit, k.kBits(0x80000000)));
    overElements(k, n, [x], ({ load, store }) => store(0, k.min(k.max(load(0), least), limit)));
  }),
];
