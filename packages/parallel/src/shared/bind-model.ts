// Puts a thread's model on the shared arrays: its tensors become views of them. The arrays are where layout.ts says.
import type { AnyModule, EMAOptions, Optimizer } from "@shardgrad/core";
import { EMA, Tensor } from "@shardgrad/core";
import { Storage } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import type { ParameterPlace } from "./arrays/model-places.ts";
import { bytesPerFloat } from "./arrays/model-places.ts";
import { trainedParameters, trainedTensors, untrainedTensors } from "./arrays/untrained.ts";
import type { Layout } from "./layout.ts";

/** A tensor over one parameter's part of the flat array at `base`. */
export function tensorAt(base: number, { start, size, shape }: ParameterPlace): Tensor {
  return Tensor.over(blockAt(base, { start, size }), shape, "float32").keep();
}

function blockAt(base: number, { start, size }: Pick<ParameterPlace, "start" | "size">): Storage {
  return Storage.foreign(base + start * bytesPerFloat, size * bytesPerFloat);
}

type Described = { name: string; shape: readonly number[] };

/** @throws JobError if a model's tensors differ from the layout */
function requireSame(what: string, own: readonly [string, Tensor][], laidOut: readonly Described[]): void {
  const describe = (list: readonly Described[]) =>
    list.map(({ name, shape }) => `${name} [${shape.join(",")}]`).join(", ") || "none";
  const [here, there] = [describe(own.map(([name, { shape }]) => ({ name, shape }))), describe(laidOut)];
  if (here === there) return;
  throw new JobError(
    `train: model() built other ${what} on this thread (${here}) than on the main thread (${there}); it must not depend on the thread`,
  );
}

/** @throws JobError if a model differs from the layout */
export function checkModel(model: AnyModule, layout: Layout): void {
  requireSame("parameters", trainedTensors(model), layout.parameters);
  requireSame("frozen parameters and buffers", untrainedTensors(model), layout.untrained.places);
}

/**
 * Binds a model's parameters, its untrained tensors, and its optimizer's state to the shared arrays, and its gradients
 * to the average.
 *
 * @param contents "copy" on the thread that fills the arrays, "adopt" on all others
 */
export function bindModel(
  model: AnyModule,
  optimizer: Optimizer,
  layout: Layout,
  contents: "copy" | "adopt",
): void {
  const named = trainedTensors(model);
  const untrained = untrainedTensors(model);
  untrained.forEach(([, x], index) => {
    const { offset, bytes } = layout.untrained.places[index]!;
    x.moveTo(Storage.foreign(layout.untrained.address + offset, bytes), contents);
  });
  named.forEach(([, parameter], index) => {
    const place = layout.parameters[index]!;
    parameter.moveTo(blockAt(layout.weights, place), contents);
    parameter.grad = tensorAt(layout.average, place);
    const number = optimizer.parameters.indexOf(parameter);
    for (const { name, address } of layout.state)
      optimizer.state[number]?.[name]?.moveTo(blockAt(address, place), contents);
  });
}

/** An average of a model's weights in shared memory, if the layout has one; `contents` as for `bindModel`. */
export function bindEMA(
  model: AnyModule,
  layout: Layout,
  options: EMAOptions | undefined,
  contents: "copy" | "adopt",
): EMA | undefined {
  const { ema: base } = layout;
  if (base === undefined || !options) return undefined;
  const parameters = trainedParameters(model);
  const ema = new EMA(parameters, options);
  ema.averages.forEach((average, index) => {
    average.moveTo(blockAt(base, layout.parameters[index]!), contents);
  });
  return ema;
}

/** Binds a model's trained parameters to one of the flat arrays: the weights, or their average. */
export function lookAt(parameters: readonly Tensor[], layout: Layout, base: number): void {
  parameters.forEach((parameter, index) => {
    parameter.moveTo(blockAt(base, layout.parameters[index]!), "adopt");
  });
}
