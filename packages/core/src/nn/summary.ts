// The table of `Module.summary`: a line per module, with the shapes of a sample input on its way.
import { noGrad } from "../autograd/define-op.ts";
import { bytesPerElement } from "../dtype.ts";
import { formatBytes } from "../memory/arena.ts";
import { zeros } from "../ops/create/create.ts";
import { scope } from "../scope.ts";
import type { Shape } from "../shape.ts";
import { formatShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";

/** What the table says of a module. */
export interface SummarizedModule {
  training: boolean;
  modules(): SummarizedModule[];
  namedModules(): [name: string, module: SummarizedModule][];
  parameters(): Tensor[];
  namedBuffers(): [name: string, buffer: Tensor][];
  stateDict(): Iterable<[name: string, tensor: Tensor]>;
}

/** `[2,3]`, or the shapes of all tensors in an output of several. */
function describeOutput(output: unknown): string {
  if (output instanceof Tensor) return formatShape(output.shape);
  if (Array.isArray(output)) return output.map(describeOutput).filter(Boolean).join(" ");
  return "";
}

/** The output shape of each module for a sample, which runs in evaluation mode. */
function traceShapes(root: SummarizedModule, sample: readonly unknown[]): Map<SummarizedModule, string> {
  const shapes = new Map<SummarizedModule, string>();
  const modules = root.modules() as (SummarizedModule & { forward: (...inputs: unknown[]) => unknown })[];
  // During the sample, each module's forward is replaced by one that records its output.
  const restore = modules.map((module) => {
    const { training } = module;
    const own = Object.getOwnPropertyDescriptor(module, "forward");
    const forward = module.forward.bind(module);
    module.training = false;
    module.forward = (...inputs) => {
      const output = forward(...inputs);
      if (!shapes.has(module)) shapes.set(module, describeOutput(output));
      return output;
    };
    return () => {
      module.training = training;
      if (own) Object.defineProperty(module, "forward", own);
      else delete (module as Partial<typeof module>).forward;
    };
  });
  try {
    noGrad(() => scope(() => void (root as (typeof modules)[number]).forward(...sample)));
  } finally {
    for (const undo of restore) undo();
  }
  return shapes;
}

function isShape(value: unknown): value is Shape {
  return Array.isArray(value) && value.every((length) => typeof length === "number");
}

/** Lines of equally wide columns, the last one aligned to the right. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** The name of the module that holds the tensor or module called `name`. */
function ownerOf(name: string, modules: readonly (readonly [string, SummarizedModule])[]): string {
  const holders = modules.map(([path]) => path).filter((path) => path === "" || name.startsWith(`${path}.`));
  return holders.reduce((longest, path) => (path.length > longest.length ? path : longest), "");
}

const count = (tensors: readonly Tensor[]) => tensors.reduce((total, x) => total + x.size, 0);
const format = (n: number) => n.toLocaleString("en-US");

/** The table; `sample` is the inputs, or one shape, or nothing. */
export function summarize(root: SummarizedModule, sample: readonly unknown[]): string {
  const shapes = scope(() => {
    if (sample.length === 0) return new Map<SummarizedModule, string>();
    if (!isShape(sample[0])) return traceShapes(root, sample);
    const dtype = root.parameters()[0]?.dtype ?? "float32";
    return traceShapes(root, [zeros(sample[0], { dtype })]);
  });
  const modules = root.namedModules();
  const buffers = new Set(root.namedBuffers().map(([, x]) => x));
  // By tensor, so that one with two names counts once, under its first.
  const owners = new Map<Tensor, string>();
  for (const [name, x] of root.stateDict()) {
    if (!buffers.has(x) && !owners.has(x)) owners.set(x, ownerOf(name, modules));
  }
  const parameters = [...owners.keys()];
  const rows = modules.map(([name, module]) => {
    const own = parameters.filter((x) => owners.get(x) === name);
    return [
      name,
      module.constructor.name,
      shapes.get(module) ?? "",
      own.length > 0 ? format(count(own)) : "",
    ];
  });
  const [head, ...lines] = layOut([["name", "module", "output", "parameters"], ...rows]);
  const rule = "-".repeat(Math.max(...[head!, ...lines].map((line) => line.length)));
  const frozen = count(parameters.filter((x) => !x.requiresGrad));
  const bytes = parameters.reduce((total, x) => total + x.size * bytesPerElement[x.dtype], 0);
  const notes = frozen > 0 ? `, ${format(frozen)} of them frozen` : "";
  const total = `${format(count(parameters))} parameters${notes}, ${formatBytes(bytes)}`;
  return [head, rule, ...lines, rule, total].join("\n");
}
