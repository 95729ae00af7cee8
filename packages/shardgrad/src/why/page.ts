// The page: one HTML file with its style, its pictures and its script inside. It loads nothing.
import { escapeXml } from "../plots/number-text.ts";
import { colours, inPage, pictureStyle } from "../plots/picture.ts";
import type { Measurement } from "./opening.ts";
import { opening } from "./opening.ts";
import type { Block, Section } from "./sections/section.ts";

const style = `
:root { color-scheme: light dark; --soft: #f3f4f6; --edge: #d5d9de; }
@media screen and (prefers-color-scheme: dark) { :root { --soft: #20242a; --edge: #3a4048; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.55 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3.2rem 0 .8rem; padding-top: 1rem; border-top: 2px solid var(--ink); }
h2 small { display: block; font-size: .85rem; font-weight: 400; letter-spacing: .03em; }
p { margin: .8rem 0; overflow-wrap: break-word; }
.answer { background: var(--soft); border-left: 5px solid var(--ink); padding: .8rem 1rem; font-size: 1.05rem; }
.measured, .catch { border-left: 3px solid var(--edge); padding-left: .9rem; }
figure { margin: 1.6rem 0; break-inside: avoid; }
figcaption { font-size: .9rem; line-height: 1.45; max-width: 40rem; margin: .6rem auto 0; }
.wide { overflow-x: auto; margin: 1.2rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; min-width: 60%; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--edge); text-align: left; vertical-align: bottom; }
td { white-space: nowrap; }
.number { text-align: right; }
@media (max-width: 34rem) { table { font-size: .78rem; } th, td { padding: .3rem .35rem; } }
code { font: .9em ui-monospace, monospace; background: var(--soft); padding: .05em .3em; border-radius: 3px; }
nav ol { padding-left: 1.4rem; }
a { color: inherit; }
.picture { overflow-x: auto; }
.picture svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.picture .chart, #descent .chart { width: 100%; max-width: 680px; }
@media screen { .large svg { min-width: 46rem; }
  @media (min-width: 60rem) { .large { width: 56rem; margin-left: calc(50% - 28rem); } } }
#try { border: 1px solid var(--edge); border-radius: 6px; padding: 1rem; margin: 1.5rem 0; }
#try label { display: block; margin: .7rem 0; } #try input { width: 100%; display: block; }
#try output { font-weight: 600; }
@media print { body { font-size: 11pt; } h2 { break-after: avoid; } section:has(#try) { display: none; } .answer { border: 1px solid #000; } }
`;

const sliders = `
<div id="try">
<p>These sliders train a small network in this page, with the same library. Everything is computed here, by your browser.</p>
<label>number of weights: <output id="weights-shown"></output><input id="weights" type="range" min="0" max="9" step="1" value="3" aria-label="number of weights"></label>
<label>delta of the nudge: <output id="delta-shown"></output><input id="delta" type="range" min="-12" max="-1" step="0.5" value="-3" aria-label="delta of the nudge"></label>
<label>learning rate α: <output id="rate-shown"></output><input id="rate" type="range" min="-3" max="2" step="0.25" value="0" aria-label="learning rate"></label>
<p id="gradient-said" aria-live="polite">Waiting for the script …</p>
<div id="descent"></div>
<p id="descent-said" aria-live="polite"></p>
</div>`;

/** What the page shows. */
export interface PageParts extends Measurement {
  sections: readonly Section[];
  /** The script behind the sliders. */
  script: string;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: "th" | "td") =>
    `<tr>${cells.map((cell, i) => `<${tag}${i > 0 ? ' class="number"' : ""}>${escapeXml(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table><thead>${line(head, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}

/** From this width on a drawing may be wider than the text around it. */
const largeFrom = 500;

function blockHtml(block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return `<p>${block.text}</p>`;
    case "measured":
      return `<p class="measured"><b>Measured here.</b> ${block.text}</p>`;
    case "catch":
      return `<p class="catch"><b>The catch.</b> ${block.text}</p>`;
    case "table":
      return table(block.head, block.rows);
    case "figure": {
      const large = block.picture.kind === "drawing" && block.picture.width > largeFrom ? " large" : "";
      return `<figure><div class="picture${large}">${inPage(block.picture)}</div><figcaption>${block.caption}</figcaption></figure>`;
    }
  }
}

/** The whole page as text. */
export function whyPage({ sections, script, ...measurement }: PageParts): string {
  const list = sections
    .map(({ question }, i) => `<li><a href="#q${i + 1}">${escapeXml(question)}</a></li>`)
    .join("");
  const bodies = sections.map(
    ({ question, name, answer, body }, i) =>
      `<section><h2 id="q${i + 1}"><small>${i + 1}. ${escapeXml(name)}</small>“${escapeXml(question)}”</h2>` +
      `<p class="answer">${escapeXml(answer)}</p>${body.map(blockHtml).join("\n")}</section>`,
  );
  const head = opening({ ...measurement, machine: escapeXml(measurement.machine) });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Why backpropagation?</title>
<link rel="icon" href="data:,">
<style>${colours}${style}${pictureStyle}</style>
</head>
<body>
<main>
<h1>Why backpropagation?</h1>
${head.map((text) => `<p>${text}</p>`).join("\n")}
<nav aria-label="questions"><ol>${list}</ol></nav>
<p><a href="#sliders">Sliders to play with</a> are at the end.</p>
${bodies.join("\n")}
<section><h2 id="sliders">Try it</h2>${sliders}</section>
</main>
<script>${script.replace(/<\/script/g, "<\\/script")}</script>
</body>
</html>
`;
}
