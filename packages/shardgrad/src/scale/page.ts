// The report of a measurement as one HTML file without scripts: the plot, the tables, the advice, the machine.
import { escapeXml } from "../plots/number-text.ts";
import { colours, inPage, pictureStyle } from "../plots/picture.ts";
import { mebibytes, percent, ratio, spreadText } from "./numbers.ts";
import { jobName, scalePlot } from "./plot.ts";
import type { ScaleRow } from "./rows.ts";
import type { ScaleResult } from "./scale.ts";
import type { Spread } from "./statistics.ts";
import { totalOf } from "./step-time.ts";
import { bitsLine, headline, likeStepOf, lostMs, modes, partNames } from "./table.ts";

const style = `
  :root { color-scheme: light dark; --soft: #59636e; --faint: #d8dee4; }
  @media screen and (prefers-color-scheme: dark) { :root { --soft: #9aa4af; --faint: #343b44; } }
  body { font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: var(--ink); background: var(--paper);
         max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  svg { display: block; width: 100%; min-width: 34rem; max-width: 46rem; height: auto; }
  .wide { overflow-x: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; font-size: 0.875rem; }
  th, td { text-align: right; padding: 0.25rem 0.5rem; border-bottom: 1px solid var(--faint); white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; }
  p.soft, caption { color: var(--soft); } caption { text-align: left; }
  li { margin: 0.25rem 0; }
  @media print { body { margin: 0; } svg, table { break-inside: avoid; } }
`;

const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const rowText = (cells: readonly string[], tag: "td" | "th") =>
  `<tr>${cells.map((cell) => `<${tag}>${escapeXml(cell)}</${tag}>`).join("")}</tr>`;

function table(caption: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `<div class="wide"><table><caption>${escapeXml(caption)}</caption><thead>${rowText(head, "th")}</thead><tbody>${rows.map((row) => rowText(row, "td")).join("\n")}</tbody></table></div>`;
}

const or = <T>(value: T | null, show: (value: T) => string) => (value === null ? "–" : show(value));

const ratios = ({ median, min, max }: Spread) => `${ratio(median)} (${ratio(min)} – ${ratio(max)})`;

function gains(rows: readonly ScaleRow[]): string {
  const head = [
    "",
    "workers",
    "batch",
    "shards",
    "ms a step",
    "samples/s",
    "speed-up",
    "efficiency",
    "limit",
  ];
  const cells = rows.map(({ mode, workers, batchSize, shards, ...row }) => [
    modes[mode],
    String(workers),
    String(batchSize),
    String(shards),
    or(row.msPerStep, spreadText),
    or(row.samplesPerSecond, ({ median }) => count.format(median)),
    or(row.speedup, ratios),
    or(row.efficiency, percent),
    or(row.limit, ratios),
  ]);
  return table("Medians over the rounds (lowest – highest)", head, cells);
}

function times(rows: readonly ScaleRow[]): string {
  const measured = rows.filter(({ mode, time }) => mode === "strong" && time);
  const [one] = measured;
  if (!one) return "";
  const ms = likeStepOf(one);
  const cells = measured.map((row) => [
    String(row.workers),
    ...partNames.map(([part]) => ms(row.time![part])),
    row === one ? "" : `${ms(lostMs(one, row))} (${percent(lostMs(one, row) / totalOf(row.time!))})`,
  ]);
  const head = ["workers", ...partNames.map(([, name]) => name), "lost"];
  return table(
    "Milliseconds of a step, where they go; lost: beyond an equal share of one worker's step",
    head,
    cells,
  );
}

/** A table with sentences, of another room. */
export interface PageSection {
  title: string;
  sentences: readonly string[];
  caption: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** An HTML document. */
export function scalePage(result: ScaleResult, more: readonly PageSection[] = []): string {
  const { rows, advice, machine } = result;
  const bits = bitsLine(result);
  const reasons = rows.flatMap(({ mode, workers, reason }) =>
    reason === null ? [] : [`${workers} workers, ${modes[mode]}: ${reason}`],
  );
  const variables = Object.entries(machine.env).map(([name, value]) => `${name}=${value}`);
  const facts = [
    `${machine.cpu}, ${machine.cores === 1 ? "1 core" : `${machine.cores} cores`}, ${mebibytes(machine.memoryBytes)} of memory; ${machine.os}; Node.js ${machine.node}`,
    `load before the run ${machine.loadBefore.toFixed(2)} (busy threads, mean of a minute)${variables.length > 0 ? `; ${variables.join(" ")}` : ""}`,
  ];
  const list = (items: readonly string[]) =>
    items.length === 0 ? "" : `<ul>${items.map((item) => `<li>${escapeXml(item)}</li>`).join("\n")}</ul>`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeXml(`Scaling: ${jobName(result)}`)}</title><style>${colours}${pictureStyle}${style}</style></head>
<body>
<h1>Scaling: ${escapeXml(jobName(result))}</h1>
<p>${escapeXml(headline(result))}.</p>
${list(advice)}
<div class="wide">${inPage(scalePlot(result))}</div>
${bits === undefined ? "" : `<p>${escapeXml(bits)}</p>`}
${gains(rows)}
${times(rows)}
${list(reasons)}
${more.map(({ title, sentences, caption, head, rows }) => `<h2>${escapeXml(title)}</h2>\n${list(sentences)}\n${table(caption, head, rows)}`).join("\n")}
<p class="soft">Each number of workers had a turn in every round, and speed-ups compare turns of the same round. The limit is what as many threads that share nothing gain at matrix products, measured in the same rounds.</p>
<p class="soft">${facts.map(escapeXml).join("<br>")}</p>
</body>
</html>
`;
}
