// The sections of a page that are no plots: how the run stands, its memory, its settings, and what happened.
import { kernelsText, threadsText } from "../../kernels-text.ts";
import type { RunData } from "../run-data.ts";
import type { Cell } from "./elements.ts";
import { element, section, styled, table } from "./elements.ts";
import { bytes, duration, percent, short, whole } from "./format.ts";

const states = { training: "training", done: "finished", stopped: "stopped", failed: "failed" } as const;

const described = (start: RunData["start"]) => {
  const { parameters, trainSamples, testSamples, evaluates } = start;
  const heldOut =
    testSamples > 0 ? `, ${whole(testSamples)} ${evaluates === "test" ? "to test" : "held out"}` : "";
  return `${whole(parameters)} parameters · ${whole(trainSamples)} training samples${heldOut} · ${threadsText(start)} · ${kernelsText(start)}`;
};

/** Title, state, and the numbers that one looks for first. */
export function headOf(data: RunData): HTMLElement {
  const { job, state, reason, start, epochs, step, samplesPerSecond, waitShare, beganMs, nowMs } = data;
  const last = epochs.at(-1);
  const fact = (name: string, value: string, note?: string) =>
    element(
      "div",
      {},
      element("dt", {}, name),
      element("dd", {}, value, note === undefined ? undefined : element("small", {}, note)),
    );
  const singles = Object.entries(last?.metrics ?? {}).slice(0, 4);
  const facts = element(
    "dl",
    { class: "facts" },
    fact("steps", whole(step), `of ${whole(start.steps)}, ${whole(start.stepsPerEpoch)} an epoch`),
    fact(
      "training loss",
      short(last?.loss ?? data.steps.loss.findLast((x) => x !== null)),
      last ? `epoch ${last.epoch}` : undefined,
    ),
    ...(last && last.testLoss !== null
      ? [fact(`${start.evaluates} loss`, short(last.testLoss), `epoch ${last.epoch}`)]
      : []),
    ...singles.map(([name, value]) =>
      fact(`${start.evaluates} ${name}`, short(value), `epoch ${last!.epoch}`),
    ),
    fact("samples a second", short(samplesPerSecond), `${percent(waitShare)} waiting`),
    fact(
      "time",
      duration(nowMs - beganMs),
      `${new Date(beganMs).toISOString().slice(0, 16).replace("T", " ")} UTC`,
    ),
  );
  const done = styled(element("i", {}), { width: `${Math.min(100, (100 * step) / start.steps)}%` });
  return element(
    "div",
    {},
    element(
      "header",
      {},
      element("h1", {}, job),
      element("span", { class: `state ${state}` }, states[state]),
    ),
    element("p", { class: "soft" }, described(start)),
    reason === undefined ? undefined : element("p", { class: "reason" }, reason),
    state === "training" ? element("div", { class: "bar" }, done) : undefined,
    facts,
  );
}

export function memorySection({ memory }: RunData): HTMLElement {
  const { rows, bytes: total, besidesBytes, machineBytes, complete } = memory;
  const body = rows
    .filter((row) => row.bytes > 0)
    .map(({ what, count, unit, eachBytes, bytes: size }): Cell[] => [
      { text: what, kind: "word" },
      {
        text: unit === "" ? "" : `${whole(count)} ${unit}${count === 1 ? "" : "s"} × ${bytes(eachBytes)}`,
        kind: "detail",
      },
      { text: bytes(size), kind: "number" },
    ]);
  const head: Cell[] = [{ text: "for" }, { text: "", kind: "detail" }, { text: "size", kind: "number" }];
  const all: Cell[][] = [
    ...body,
    [
      { text: element("b", {}, "shared memory") },
      { text: "", kind: "detail" },
      { text: element("b", {}, bytes(total)), kind: "number" },
    ],
    [
      { text: "besides: JavaScript and threads" },
      { text: "", kind: "detail" },
      { text: bytes(besidesBytes), kind: "number" },
    ],
    [
      { text: "the machine has" },
      { text: "", kind: "detail" },
      { text: bytes(machineBytes), kind: "number" },
    ],
  ];
  const note = complete
    ? undefined
    : element("p", { class: "soft" }, "Incomplete: the passes of this job could not be measured.");
  return section("Memory", element("div", { class: "card" }, table(head, all), note));
}

const plain = (value: unknown): string => (Array.isArray(value) ? value.join(", ") : String(value));

export function settingsSection({ start, options, best, out, weightsSha256 }: RunData): HTMLElement {
  const {
    batchSize,
    accumulate,
    epochs,
    steps,
    seed,
    shards,
    workers,
    cores,
    reduce,
    kernels,
    native,
    noNative,
    blas,
    noBlas,
    params,
    frozen,
  } = start;
  const facts: [string, unknown][] = [
    ["machines", start.machines && `${start.machines} (${start.network})`],
    ["workers", `${workers} of ${cores} cores${start.machines ? ", on machine 0" : ""}`],
    ["shards", shards],
    ["batchSize", accumulate === 1 ? batchSize : `${batchSize} (${accumulate} micro-batches)`],
    ["epochs", epochs],
    ["steps", whole(steps)],
    ["seed", seed],
    ["kernels", [kernels, ...[blas, native].flatMap((each) => (each ? [`(${each})`] : []))].join(" ")],
    ["no machine code", noNative],
    ["no BLAS", noBlas],
    ["reduce", reduce],
    ["syncEvery", start.syncEvery],
    ["hogwild", start.hogwild],
    ["frozen parameters", frozen === undefined ? undefined : whole(frozen)],
    ...Object.entries(params).map(([name, value]): [string, unknown] => [`params.${name}`, plain(value)]),
    ["best", best && `${best.metric} ${short(best.value)} in ${best.path}`],
    ["weights", weightsSha256 && `sha256 ${weightsSha256}`],
    ["written to", out],
  ];
  const rows = facts.flatMap(([name, value]): Cell[][] =>
    value === undefined ? [] : [[{ text: name }, { text: plain(value), kind: "word" }]],
  );
  const given = options.map(([name, value]): Cell[] => [{ text: name }, { text: value, kind: "word" }]);
  const cards = [
    element("div", { class: "card" }, element("h3", {}, "The run"), table([], rows)),
    ...(given.length > 0
      ? [element("div", { class: "card" }, element("h3", {}, "Options given"), table([], given))]
      : []),
  ];
  return section("Settings", element("div", { class: "charts" }, ...cards));
}

export function notesSection({ notes }: RunData): HTMLElement | undefined {
  if (notes.length === 0) return undefined;
  const rows = notes.map(({ step, text }): Cell[] => [
    { text: `step ${whole(step)}` },
    { text, kind: "word" },
  ]);
  const list = table([], rows);
  for (const first of list.querySelectorAll<HTMLElement>("td:first-child")) first.style.whiteSpace = "nowrap";
  return section("What happened", element("div", { class: "card" }, list));
}
