// Module: a model, or a part of one, whose parameters are found by walking its properties.
import { Tensor } from "../tensor.ts";

/**
 * A part of a model. Subclasses hold parameters (leaves with `requiresGrad`) and other modules in properties or
 * arrays of them, and define `forward`. Names are paths of property names, such as `layers.0.weight`, in the order
 * in which the properties were set.
 */
export abstract class Module {
  /** False while evaluating. */
  training = true;

  /** Computes the output. */
  abstract forward(x: Tensor): Tensor;

  /** Where its parameters and modules are, under their names: its properties, unless a subclass knows better. */
  parts(): object {
    return this;
  }

  /** Parameters with their names; one that is used twice counts once, under its first name. */
  namedParameters(): [name: string, parameter: Tensor][] {
    const found = new Map<Tensor, string>();
    visit(this, "", (name, value) => {
      if (value instanceof Tensor && value.requiresGrad && !found.has(value)) found.set(value, name);
    });
    return [...found].map(([parameter, name]) => [name, parameter]);
  }

  parameters(): Tensor[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Switches it and all parts to training. */
  train(): this {
    return this.#setTraining(true);
  }

  /** Switches it and all parts to evaluation. */
  eval(): this {
    return this.#setTraining(false);
  }

  #setTraining(training: boolean): this {
    this.training = training;
    visit(this, "", (_name, value) => {
      if (value instanceof Module) value.training = training;
    });
    return this;
  }
}

/** Calls `use` for everything that a module holds, depth first. */
function visit(owner: object, prefix: string, use: (name: string, value: unknown) => void): void {
  const parts = owner instanceof Module ? owner.parts() : owner;
  for (const [key, value] of Object.entries(parts)) {
    const name = prefix + key;
    use(name, value);
    if (value instanceof Module || Array.isArray(value)) visit(value, `${name}.`, use);
  }
}
