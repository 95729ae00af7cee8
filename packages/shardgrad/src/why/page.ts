// The page: one HTML file with its style, its pictures and its script inside. It loads nothing.
import { escaped } from "./format.ts";
import { pictureStyle } from "./pictures.ts";
import { plotStyle } from "./plot.ts";
import type { Section } from "./sections/section.ts";

const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f3f4f6; --edge: #d5d9de;
  --c0: #0b5cad; --c1: #b3400f; --c2: #2b7a2e; --c3: #7b3fa0; --c4: #8a6500; --c5: #5a6472; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #15181c; --soft: #20242a; --edge: #3a4048;
  --c0: #6db3ff; --c1: #ff9a6b; --c2: #7fd483; --c3: #d3a2f5; --c4: #e6c04f; --c5: #aab4c0; } }
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
.graph { overflow-x: auto; }
.graph svg { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff; border-radius: 4px; }
@media screen { .graph svg[data-wide] { min-width: 46rem; }
  @media (min-width: 60rem) { .graph:has([data-wide]) { width: 56rem; margin-left: calc(50% - 28rem); } } }
#try { border: 1px solid var(--edge); border-radius: 6px; padding: 1rem; margin: 1.5rem 0; }
#try label { display: block; margin: .7rem 0; } #try input { width: 100%; display: block; }
#try output { font-weight: 600; }
@media print { body { font-size: 11pt; } h2 { break-after: avoid; } #try { display: none; } .answer { border: 1px solid #000; } }
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
export interface PageParts {
  sections: readonly Section[];
  /** What was measured with, as in "AMD EPYC, 2 cores, Node.js 26". */
  machine: string;
  date: string;
  seconds: number;
  /** The script behind the sliders. */
  script: string;
}

/** The whole page as text. */
export function whyPage({ sections, machine, date, seconds, script }: PageParts): string {
  const list = sections
    .map(({ question }, i) => `<li><a href="#q${i + 1}">${escaped(question)}</a></li>`)
    .join("");
  const bodies = sections.map(
    ({ question, name, answer, body }, i) =>
      `<section><h2 id="q${i + 1}"><small>${i + 1}. ${escaped(name)}</small>“${escaped(question)}”</h2>` +
      `<p class="answer">${escaped(answer)}</p>${body.join("\n")}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Why backpropagation?</title>
<link rel="icon" href="data:,">
<style>${style}${plotStyle}${pictureStyle}</style>
</head>
<body>
<main>
<h1>Why backpropagation?</h1>
<p>Seven questions that people ask, answered by measurement. Nothing here is copied from a book: <code>shardgrad why</code> trained the networks, counted and timed, in ${seconds.toFixed(0)} seconds, on ${escaped(machine)}, on ${escaped(date)}. Run it yourself and the numbers are those of your machine.</p>
<p>Words: a <b>weight</b> is a number that training may change. The <b>loss</b> is one number that says how wrong the network is. A <b>forward pass</b> runs the network once and ends with the loss. The <b>gradient</b> is a list: for each weight the slope of the loss, ∂L/∂w: how much the loss changes per unit, if that weight alone changes a little. The <b>learning rate</b> α says how far a step of training goes. <b>Backpropagation</b> is one way to compute it.</p>
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
