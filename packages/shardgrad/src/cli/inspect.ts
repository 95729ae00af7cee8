// shardgrad inspect: what a file of weights holds.
import type { Command } from "commander";
import type { Inspected, InspectedTensor } from "../answers/inspect-weights.ts";
import { inspectWeights } from "../answers/inspect-weights.ts";
import { tableStateOf } from "../answers/table-state.ts";
import { count } from "./event-lines.ts";
import { examples, fail, keepOutput, outputFlags } from "./run-command.ts";
import { fitted } from "./streams.ts";

const short = (value: number | null) => (value === null ? "" : String(Number(value.toPrecision(4))));

/** Columns of text, aligned: the first to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

const rowOf = ({ name, dtype, shape, min, mean, max, std, nonFinite }: InspectedTensor) => [
  name,
  dtype,
  `[${shape.join(",")}]`,
  ...[min, mean, max, std].map(short),
  nonFinite === 0 ? "" : String(nonFinite),
];

const longest = 400;

/** A value on one line, cut if it is long. Typed arrays look like arrays. */
function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_, part: unknown) =>
      ArrayBuffer.isView(part) ? Array.from(part as unknown as ArrayLike<unknown>, String) : part,
    ) ?? "none";
  return text.length > longest
    ? `${text.slice(0, longest)}… (${count.format(text.length)} characters)`
    : text;
}

/** The state: of a table its columns, of anything else its JSON. */
function stateLines(state: unknown): string[] {
  const table = tableStateOf(state);
  if (!table) return [`state     ${shown(state)}`];
  const { inputs, target, dropped, features } = table;
  const words = { number: "number", oneHot: "one-hot", ordinal: "ordinal", embedding: "embedding" };
  const columns = inputs.map((input) =>
    input.kind === "number"
      ? `${input.name} ${input.type}`
      : `${input.name} ${words[input.kind]} ${input.words.length}`,
  );
  const goal =
    target && `${target.name} ${target.kind === "classes" ? `${target.classes.length} classes` : "number"}`;
  return [
    `state     of a table: ${columns.join(", ")}; ${features.length} numbers in x`,
    ...(goal ? [`target    ${goal}`] : []),
    ...(dropped.length === 0 ? [] : [`dropped   ${dropped.map(({ name }) => name).join(", ")}`]),
  ];
}

function linesOf({ path, bytes, parameters, tensors, metadata, run, checkpoint }: Inspected): string[] {
  const columns = Object.entries(run?.columns ?? {}).map(
    ([name, { dtype, shape }]) => `${name} ${dtype} [${shape.join(",")}]`,
  );
  return [
    `${path}: ${count.format(tensors.length)} tensors, ${count.format(parameters)} numbers, ${count.format(bytes)} bytes`,
    ...(tensors.length === 0
      ? []
      : [
          "",
          ...table([
            ["tensor", "dtype", "shape", "min", "mean", "max", "std", "not finite"],
            ...tensors.map(rowOf),
          ]),
        ]),
    "",
    ...(checkpoint
      ? [
          `checkpoint of step ${checkpoint.step}, epoch ${checkpoint.epoch}`,
          `metrics   ${shown(checkpoint.metrics)}`,
          `settings  ${shown(checkpoint.settings)}`,
        ]
      : []),
    ...(run
      ? [
          `columns   ${columns.join(", ")}`,
          ...(run.rows ? [`rows      ${run.rows.join(", ")}`] : []),
          `params    ${shown(run.params)}`,
          ...stateLines(run.state),
          `seed      ${run.seed}`,
        ]
      : []),
    ...(Object.keys(metadata).length === 0 ? [] : [`metadata  ${shown(metadata)}`]),
  ];
}

async function runInspect(
  file: string,
  { json = false, stack = false }: { json?: boolean; stack?: boolean },
) {
  const output = json ? keepOutput() : process.stdout;
  try {
    const found = await inspectWeights(file);
    const plain = (_: string, value: unknown) =>
      ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<unknown>) : value;
    output.write(`${json ? JSON.stringify(found, plain) : fitted(linesOf(found).join("\n"), output)}\n`);
  } catch (error) {
    fail(error, stack, false);
  }
}

export function addInspect(program: Command): void {
  const inspecting = program
    .command("inspect")
    .description(
      "what a safetensors file or a checkpoint holds: tensors, their statistics, metadata, params and state",
    )
    .argument("<file>", "the file, the checkpoint, or the folder of checkpoints");
  examples(
    outputFlags(inspecting, "print one JSON object and nothing else"),
    "inspect houses.safetensors",
  ).action(runInspect);
}
