// A kernel's definition: its name, its parameters and the function that records it for a target.
import { Recorder } from "./recorder.ts";
import type { Routine, Target, ValueType, Variable } from "./values.ts";

/** What a kernel takes, as in the table of kernels: a count or flag, an address, a float32 or a float64. */
export type ParameterType = "i32" | "ptr" | "f32" | "f64";

export interface Definition {
  /** As in the table of kernels. */
  readonly name: string;
  readonly parameters: readonly ParameterType[];
  /** Bytes of scratch memory that it needs. */
  scratchBytes(target: Target): number;
  record(target: Target): Routine;
}

function valueType(type: ParameterType): ValueType {
  if (type === "f32") return "v";
  return type === "f64" ? "d" : type;
}

/** Defines a kernel. `body` gets the parameters as variables; an `f32` or `f64` is a `v` or `d` that has it in every lane. */
export function defineKernel(
  name: string,
  parameters: readonly ParameterType[],
  body: (k: Recorder, ...parameters: Variable[]) => void,
  scratchBytes: (target: Target) => number = () => 0,
): Definition {
  return {
    name,
    parameters,
    scratchBytes,
    record(target) {
      const k = new Recorder(name, parameters.map(valueType), target);
      body(k, ...k.parameters);
      return k.finish();
    },
  };
}

/** Records a routine that kernels call. Its parameters may be of any type but `mask` and `tail`. */
export function defineRoutine(
  name: string,
  parameters: readonly ValueType[],
  target: Target,
  body: (k: Recorder, ...parameters: Variable[]) => void,
): Routine {
  const k = new Recorder(name, parameters, target);
  body(k, ...k.parameters);
  return k.finish();
}
