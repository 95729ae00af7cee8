// The script of a run's page: draws what is in the page, and, if that is live, what comes.
import "uplot/dist/uPlot.min.css";
import "./page.css";
import type { RunData } from "../run-data.ts";
import { chartsOf } from "./chart-list.ts";
import { Plot } from "./charts.ts";
import { element } from "./elements.ts";
import { outcomesSection } from "./outcomes.ts";
import { headOf, memorySection, notesSection, settingsSection } from "./tables.ts";
import { timeSection } from "./time-parts.ts";

const page = document.getElementById("page")!;
const head = element("div", {});
const plots = element("div", { class: "charts" });
const rest = element("div", {});
const foot = element("footer", {});
page.append(head, plots, rest, foot);

let drawn = new Map<string, Plot>();

function drawPlots(data: RunData): void {
  const charts = chartsOf(data);
  const key = ({ title, lines }: (typeof charts)[number]) =>
    [title, ...lines.map(({ name }) => name)].join("\n");
  if (charts.length === drawn.size && charts.every((chart) => drawn.has(key(chart)))) {
    for (const chart of charts) drawn.get(key(chart))!.update(chart);
    return;
  }
  drawn = new Map(charts.map((chart) => [key(chart), new Plot(chart)]));
  plots.replaceChildren(...Array.from(drawn.values(), ({ card }) => card));
  for (const plot of drawn.values()) plot.draw();
}

/** What else is drawn on a canvas listens to it. */
const redrawRest = () => document.dispatchEvent(new Event("draw"));

function show(data: RunData): void {
  head.replaceChildren(headOf(data));
  drawPlots(data);
  const sections = [
    timeSection(data),
    outcomesSection(data),
    memorySection(data),
    settingsSection(data),
    notesSection(data),
  ];
  rest.replaceChildren(...sections.filter((section) => section !== undefined));
  redrawRest();
  foot.replaceChildren(
    `Written by shardgrad, ${new Date(data.nowMs).toISOString().slice(0, 19).replace("T", " ")} UTC.`,
  );
}

function redraw(): void {
  for (const plot of drawn.values()) plot.draw();
  redrawRest();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
// Paper is light and has a width of its own.
addEventListener("beforeprint", redraw);
addEventListener("afterprint", redraw);
matchMedia("print").addEventListener("change", redraw);
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  redraw();
});

const { data, events } = JSON.parse(document.getElementById("run")!.textContent!) as {
  data: RunData | null;
  events: string | null;
};
if (data) show(data);
else foot.replaceChildren("Waiting for the run to start …");

if (events) {
  const source = new EventSource(events);
  source.addEventListener("message", ({ data }) => {
    const news = JSON.parse(data as string) as RunData;
    show(news);
    if (news.state !== "training") source.close();
  });
  source.addEventListener("error", () => {
    foot.replaceChildren("The run has ended, or its process has. This page shows what it last heard.");
  });
}
