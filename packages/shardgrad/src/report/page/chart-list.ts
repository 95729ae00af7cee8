// Which plots a run has, from its data.
import type { EpochData, Maybe, RunData } from "../run-data.ts";
import type { Chart, Line } from "./charts.ts";

/** Values at the ends of epochs, at the places of the steps' columns. */
function merged(data: RunData): {
  x: number[];
  ofSteps: (values: readonly Maybe[]) => Maybe[];
  ofEpochs: (of: (epoch: EpochData) => Maybe) => Maybe[];
} {
  const x = [...new Set([...data.steps.step, ...data.epochs.map(({ step }) => step)])].sort((a, b) => a - b);
  const place = new Map(x.map((step, index) => [step, index]));
  const spread = (steps: readonly number[], values: readonly Maybe[]) => {
    const all = new Array<Maybe>(x.length).fill(null);
    steps.forEach((step, index) => {
      all[place.get(step)!] = values[index]!;
    });
    return all;
  };
  return {
    x,
    ofSteps: (values) => spread(data.steps.step, values),
    ofEpochs: (of) =>
      spread(
        data.epochs.map(({ step }) => step),
        data.epochs.map(of),
      ),
  };
}

export function chartsOf(data: RunData): Chart[] {
  const { start, steps, epochs } = data;
  const { x, ofSteps, ofEpochs } = merged(data);
  const across = "steps";
  const evaluates = start.testSamples > 0;
  const points = epochs.length <= 60;
  const loss: Line[] = [
    { name: "training, by step", values: ofSteps(steps.loss), faint: epochs.length > 1 },
    { name: "training, by epoch", values: ofEpochs(({ loss }) => loss), points },
    ...(evaluates ? [{ name: start.evaluates, values: ofEpochs(({ testLoss }) => testLoss), points }] : []),
  ];
  const single = Object.entries(start.metrics).filter(([, { shape }]) => shape.length === 0);
  const metrics = single.map(([name, { direction }]): Chart => {
    const better = direction && (direction === "max" ? "more is better" : "less is better");
    const values = ofEpochs(({ metrics }) => metrics[name] ?? null);
    const line = { name: start.evaluates, values, points };
    return { title: better ? `${name} (${better})` : name, across, x, lines: [line] };
  });
  const norms = steps.gradNorm.some((norm) => norm !== null);
  return [
    { title: "Loss", across, x, lines: loss, mayBeLogarithmic: true },
    ...metrics,
    {
      title: "Learning rate",
      across,
      x,
      lines: [{ name: start.groups > 1 ? "first group" : "learning rate", values: ofSteps(steps.lr) }],
    },
    {
      title: "Gradient norm",
      across,
      x,
      lines: [
        norms
          ? { name: "before clipping", values: ofSteps(steps.gradNorm) }
          : { name: "last step of the epoch", values: ofEpochs(({ gradNorm }) => gradNorm), points },
      ],
      mayBeLogarithmic: true,
    },
    {
      title: "Samples per second",
      across,
      x,
      lines: [
        { name: "by step", values: ofSteps(steps.samplesPerSecond), faint: epochs.length > 1 },
        { name: "by epoch", values: ofEpochs(({ samplesPerSecond }) => samplesPerSecond), points },
      ],
    },
    {
      title: `Share of time spent waiting for other workers${start.machines ? " and machines" : ""}`,
      across,
      x,
      lines: [
        { name: "by step", values: ofSteps(steps.waitShare), faint: epochs.length > 1 },
        { name: "by epoch", values: ofEpochs(({ waitShare }) => waitShare), points },
      ],
      isShare: true,
    },
  ];
}
