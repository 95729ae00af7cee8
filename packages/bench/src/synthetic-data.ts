// Synthetic data in the shape that a zoo model needs: normal numbers or random tokens, random labels. The same on every
// machine and for every contender. A network can only memorize them, which is enough for timing.
import { Generator, rand, randn, scope, withGenerator } from "@shardgrad/core";
import type { Columns } from "@shardgrad/parallel";
import type { ZooModel } from "./zoo.ts";
import { classesOf, sampleShapes } from "./zoo.ts";

/** The data of a zoo job. */
export interface ZooColumns extends Columns {
  x: { data: Float32Array | Int32Array; shape: readonly number[] };
  y: { data: Int32Array; shape: readonly number[] };
}

const seed = 20;
const sizeOf = (shape: readonly number[]) => shape.reduce((size, length) => size * length, 1);

/** Random integers from 0 to `limit` - 1. */
function integers(count: number, limit: number): Int32Array {
  return Int32Array.from(rand([count]).data(), (value) => Math.floor(value * limit));
}

/** The first `batches` batches of a model's data. */
export function syntheticData({ network, batch }: ZooModel, batches: number): ZooColumns {
  const samples = batch * batches;
  const shapes = sampleShapes(network);
  // Separate streams, so that the first batches do not depend on the number of batches.
  const draw = <T>(column: number, make: () => T) =>
    withGenerator(new Generator(seed + column), () => scope(make));
  const count = samples * sizeOf(shapes.input);
  const data =
    network.kind === "gpt"
      ? draw(0, () => integers(count, network.vocabulary))
      : draw(0, () => Float32Array.from(randn([count]).data()));
  const labels = draw(1, () => integers(samples * sizeOf(shapes.label), classesOf(network)));
  return { x: { data, shape: shapes.input }, y: { data: labels, shape: shapes.label } };
}
