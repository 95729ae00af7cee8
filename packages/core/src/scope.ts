// scope(() => …): frees every tensor created inside, except what is returned and what was kept.
import { refusePromise, requireFunction } from "./arguments.ts";
import type { Ownership } from "./tensor.ts";
import { collectorOwnership, setOwnership, Tensor } from "./tensor.ts";

class Scope implements Ownership {
  readonly tensors = new Set<Tensor>();
  readonly parent: Ownership;

  constructor(parent: Ownership) {
    this.parent = parent;
  }

  created(tensor: Tensor): void {
    this.tensors.add(tensor);
  }

  disposed(tensor: Tensor): void {
    // A tensor older than this scope is not ours.
    if (!this.tensors.delete(tensor)) this.parent.disposed(tensor);
  }

  close(result: unknown): void {
    const survivors = new Set<Tensor>();
    collectTensors(result, survivors);
    for (const tensor of this.tensors) {
      if (survivors.has(tensor)) this.parent.created(tensor);
      else tensor.dispose("the end of its scope");
    }
  }
}

/** Collects new tensors, without changing their owner. */
class Watch implements Ownership {
  readonly made = new Set<Tensor>();
  readonly parent: Ownership;

  constructor(parent: Ownership) {
    this.parent = parent;
  }

  created(tensor: Tensor): void {
    this.made.add(tensor);
    this.parent.created(tensor);
  }

  disposed(tensor: Tensor): void {
    this.made.delete(tensor);
    this.parent.disposed(tensor);
  }
}

/** The tensors in a value: itself, or those in arrays, maps and plain objects. */
function collectTensors(value: unknown, into: Set<Tensor>): void {
  if (value instanceof Tensor) {
    into.add(value);
    if (value.requiresGrad && value.grad) into.add(value.grad);
  } else if (Array.isArray(value)) {
    for (const element of value) collectTensors(element, into);
  } else if (value instanceof Map) {
    for (const element of value.values()) collectTensors(element, into);
  } else if (
    value !== null &&
    typeof value === "object" &&
    Object.getPrototypeOf(value) === Object.prototype
  ) {
    for (const element of Object.values(value)) collectTensors(element, into);
  }
}

let current: Ownership = collectorOwnership;

function enter(next: Ownership): void {
  current = next;
  setOwnership(next);
}

/**
 * Runs `body` and frees all tensors created in it. Exceptions: its result (a tensor, or arrays, maps and plain objects
 * of tensors), gradients of leaves, and what you `keep()`.
 *
 * @throws ShardgradError if `body` is asynchronous: other code would run inside the scope
 */
export function scope<T>(body: () => T): T {
  requireFunction("scope", body);
  const parent = current;
  const inner = new Scope(parent);
  enter(inner);
  let result: T | undefined;
  try {
    result = body();
  } finally {
    enter(parent);
    inner.close(result);
  }
  refusePromise("scope", result, "scoped");
  return result as T;
}

/** Runs `body`; `made` gets the tensors created in it that it neither freed nor kept. Their owner does not change. */
export function watch<T>(body: () => T): { result: T; made: Set<Tensor> } {
  const parent = current;
  const inner = new Watch(parent);
  enter(inner);
  try {
    return { result: body(), made: inner.made };
  } finally {
    enter(parent);
  }
}
