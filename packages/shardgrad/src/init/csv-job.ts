// Writes a job that learns to predict a column of a table from the others: its text follows from what the table is.
import type { Rows, TableDescription, TableState } from "@shardgrad/data";
import { DataError, readRows, table } from "@shardgrad/data";

/** What the job must know of the table. */
export interface TableFacts {
  target: string;
  /** Whether the target is classes, or a number. */
  kind: "classes" | "number";
  /** Columns of many words, which become embeddings. */
  embeddings: readonly string[];
  /** Whether there are other columns, too: they are side by side in the column `x`. */
  hasNumbers: boolean;
  /** Rows with a target, and those without, which are left out. */
  rows: number;
  withoutTarget: number;
  /** What the columns are, for a person. */
  description: TableDescription;
}

const lengthOf = (rows: Rows): number => Object.values(rows)[0]?.length ?? 0;

/**
 * Reads the table, and finds out what the job must know.
 *
 * @throws DataError if it cannot be read, or has no such column
 */
export async function factsOf(csv: string, target: string): Promise<TableFacts> {
  const raw = await readRows(csv);
  const data = table(raw, { target: { column: target, missing: "drop" } });
  const rows = (await data.load()) as Rows;
  const state: TableState = data.fit(rows);
  if (state.target === null || state.target === undefined)
    throw new DataError(`init: ${csv} has no column ${JSON.stringify(target)}`);
  return {
    target,
    kind: state.target.kind,
    embeddings: state.inputs.filter(({ kind }) => kind === "embedding").map(({ name }) => name),
    hasNumbers: state.inputs.some(({ kind }) => kind !== "embedding"),
    rows: lengthOf(rows),
    withoutTarget: lengthOf(raw) - lengthOf(rows),
    description: await data.describe(),
  };
}

/** Enough samples in a batch to keep several workers busy, and enough steps in an epoch to learn. */
function batchSizeFor(rows: number): number {
  let size = 8;
  while (size < 256 && size * 32 <= rows) size *= 2;
  return size;
}

const quoted = (text: string) => JSON.stringify(text);
const oneLine = (text: string) => text.replace(/\s+/g, " ");

/** With embeddings: words of these columns become vectors beside the numbers. */
function network(
  { embeddings, hasNumbers }: TableFacts,
  output: string,
): { definition: string; model: string } {
  if (embeddings.length === 0) {
    return {
      definition: "",
      model: `({ x: [inputs] }, { params: { width }, state }) =>
    new Sequential(
      new Linear(inputs!, width),
      new ReLU(),
      new Linear(width, width),
      new ReLU(),
      new Linear(width, ${output}),
    )`,
    };
  }
  return {
    definition: `
/** Columns of many different words: each word has a vector, which is learned. */
const words = [${embeddings.map(quoted).join(", ")}];
const vector = 8;

class Network extends Module {
  readonly vectors: Embedding[];
  readonly layers: Sequential;

  constructor(inputs: number, width: number, state: TableState) {
    super();
    this.vectors = words.map((name) => new Embedding(vocabularySize(state, name), vector));
    this.layers = new Sequential(
      new Linear(inputs + vector * words.length, width),
      new ReLU(),
      new Linear(width, width),
      new ReLU(),
      new Linear(width, ${output}),
    );
  }

  forward(batch: Readonly<Record<string, Tensor>>): Tensor {
    const vectors = words.map((name, i) => this.vectors[i]!.forward(batch[name]!));
    return this.layers.forward(cat(${hasNumbers ? "[batch.x!, ...vectors]" : "vectors"}, 1));
  }
}
`,
    model: hasNumbers
      ? "({ x: [inputs] }, { params: { width }, state }) => new Network(inputs!, width, state)"
      : "(_, { params: { width }, state }) => new Network(0, width, state)",
  };
}

/** @param source the path of the table, seen from the job */
export function csvJob(facts: TableFacts, source: string): string {
  const { target, kind, embeddings, rows, withoutTarget } = facts;
  const isClasses = kind === "classes";
  const hasWords = embeddings.length > 0;
  const { definition, model } = network(facts, isClasses ? "outputSize(state)" : "1");
  const output = hasWords ? "model.forward(batch)" : "model.forward(x)";
  const batch = hasWords ? "batch" : "{ x, y }";
  const y = hasWords ? "batch.y" : "y";
  const imports = [
    "Adam",
    ...(isClasses ? ["accuracy", "crossEntropy"] : ["mse", "r2Score"]),
    ...(hasWords ? ["cat", "Embedding", "Module", "type TableState", "type Tensor", "vocabularySize"] : []),
    ...(isClasses ? ["outputSize"] : []),
    "decodeTarget",
    "defineJob",
    "Linear",
    "ReLU",
    "Sequential",
    "table",
  ].sort((a, b) => a.replace("type ", "").localeCompare(b.replace("type ", "")));
  const metric = isClasses
    ? `accuracy: { perSample: (model, ${batch}) => accuracy(${output}, ${y}), direction: "max" },`
    : `// The share of the target's variance that is explained: 1 is perfect, 0 no better than the mean.
    r2: { outputs: (model, ${batch}) => [${output}, ${y}], score: r2Score() },`;
  return `// Predicts ${oneLine(target)} from the other columns of a table.
import {
${imports.map((name) => `  ${name},`).join("\n")}
} from "shardgrad";
${definition}
export default defineJob({
  // \`--set width=128\` tries another value.
  params: { width: 64, lr: 0.003 },
  // Types of columns are found out; \`console.log(await table(…).describe())\` shows them.${withoutTarget === 0 ? "" : `\n  // ${withoutTarget} of ${rows + withoutTarget} rows had no ${oneLine(target)}, and are left out.`}
  dataset: table(new URL(${quoted(source)}, import.meta.url), { target: ${withoutTarget === 0 ? quoted(target) : `{ column: ${quoted(target)}, missing: "drop" }`} }),
  // A fifth of the rows is not trained on, but evaluated after each epoch.
  validation: 0.2,
  model: ${model},
  loss: (model, ${batch}) => ${isClasses ? "crossEntropy" : "mse"}(${output}, ${y}),
  optimizer: (parameters, { params }) => new Adam(parameters, { lr: params.lr }),
  metrics: {
    ${metric}
  },${hasWords ? "\n  predict: (model, batch) => model.forward(batch)," : ""}
  // What a prediction means: ${isClasses ? "the name of a class" : "a number in its own unit"}.
  decode: (output, state) => decodeTarget(output, state),
  batchSize: ${batchSizeFor(rows)},
  epochs: 20,
  seed: 1,
});
`;
}
