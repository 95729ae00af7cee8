// Which column is a model's input, where a job does not say how it predicts: the one that its loss gives to the model's
// `forward`. Calls the loss once, on a sample of zeros, with gradients off.
import type { AnyModule, Tensor } from "@shardgrad/core";
import { noGrad, scope, zeros } from "@shardgrad/core";
import type { StoredColumn } from "../data/columns.ts";
import { batchDType } from "../data/columns.ts";
import type { RunJob } from "../job/define-job.ts";
import { quietly } from "../job/quietly.ts";
import { RunPlace } from "../step/run-place.ts";

type Forward = (...inputs: unknown[]) => unknown;

/** The name of the column; undefined if the loss gives another tensor to the model, or several, or fails. */
export function inputColumnOf(
  job: RunJob,
  model: AnyModule,
  columns: readonly StoredColumn[],
): string | undefined {
  const watched = model as unknown as { forward: Forward };
  const own = Object.getOwnPropertyDescriptor(watched, "forward");
  const { forward } = watched;
  const given: (readonly unknown[])[] = [];
  const place = new RunPlace();
  try {
    quietly(() =>
      noGrad(() =>
        scope(() => {
          const batch = Object.fromEntries(
            columns.map((column): [string, Tensor] => [
              column.name,
              zeros([1, ...column.shape], { dtype: batchDType(column) }),
            ]),
          );
          const nameOf = new Map(Object.entries(batch).map(([name, x]) => [x as unknown, name]));
          watched.forward = (...inputs) => {
            given.push(inputs.map((input) => nameOf.get(input)));
            return forward.call(model, ...inputs);
          };
          job.loss(model, batch, { ...job.context, step: place.step, epoch: place.epoch });
        }),
      ),
    );
  } catch {
    // Zeros may be no sample that the loss can take. What the model was given is known all the same.
  } finally {
    if (own) Object.defineProperty(watched, "forward", own);
    else Reflect.deleteProperty(watched, "forward");
    place.dispose();
  }
  const [first] = given;
  return first?.length === 1 && typeof first[0] === "string" ? first[0] : undefined;
}
