// Where the workers' time went: a bar for each, whose parts differ by pattern as well as by colour, and the numbers.
import type { RunData } from "../run-data.ts";
import type { Cell } from "./elements.ts";
import { element, section, styled, table } from "./elements.ts";
import { duration, percent } from "./format.ts";

const hatch = (colour: string, angle: number, gap: number) =>
  `repeating-linear-gradient(${angle}deg, ${colour} 0 ${gap}px, color-mix(in srgb, ${colour} 45%, var(--card)) ${gap}px ${2 * gap}px)`;
const pale = (colour: string, share: number) => `color-mix(in srgb, ${colour} ${share}%, var(--card))`;

/** What each part is called, and how it looks. */
const parts = {
  gather: { name: "loading samples", background: pale("var(--d)", 85) },
  forward: { name: "forward", background: "var(--a)" },
  backward: { name: "backward", background: hatch("var(--a)", 45, 4) },
  reduce: { name: "averaging", background: "var(--c)" },
  update: { name: "updating", background: hatch("var(--c)", 135, 3) },
  evaluate: { name: "evaluating", background: pale("var(--a)", 35) },
  wait: { name: "waiting", background: hatch("var(--b)", 90, 2) },
  wake: { name: "waking up", background: pale("var(--b)", 50) },
  other: { name: "other", background: "var(--soft)" },
} as const;
type Part = keyof typeof parts;
const names = Object.keys(parts) as Part[];

const key = (part: Part) => styled(element("span", { class: "key" }), { background: parts[part].background });

export function timeSection({ phaseMs }: RunData): HTMLElement | undefined {
  if (!phaseMs?.length) return undefined;
  const totals = phaseMs.map((row) => names.reduce((sum, name) => sum + row[name], 0));
  if (!totals.some((total) => total > 0)) return undefined;
  const shown = names.filter((name) => phaseMs.some((row, rank) => row[name] / totals[rank]! >= 0.0005));
  const rows = phaseMs.map((row, rank): Cell[] => {
    const bar = element("div", { class: "stack", role: "img", "aria-label": `worker ${rank}` });
    for (const name of shown) {
      const share = row[name] / totals[rank]!;
      const part = element("i", { title: `${parts[name].name} ${percent(share)}` });
      bar.append(styled(part, { width: `${share * 100}%`, background: parts[name].background }));
    }
    return [{ text: `worker ${rank}` }, { text: styled(bar, { width: "100%" }) }];
  });
  const heads: Cell[] = [
    { text: "" },
    ...phaseMs.flatMap((_, rank): Cell[] => [
      { text: `worker ${rank}`, kind: "number" },
      { text: "", kind: "number" },
    ]),
  ];
  const numbers = shown.map((name): Cell[] => [
    { text: element("span", {}, key(name), parts[name].name) },
    ...phaseMs.flatMap((row, rank): Cell[] => [
      { text: duration(row[name]), kind: "number" },
      { text: percent(row[name] / totals[rank]!), kind: "number" },
    ]),
  ]);
  const bars = table([], rows);
  for (const first of bars.querySelectorAll<HTMLElement>("td:first-child")) first.style.whiteSpace = "nowrap";
  for (const last of bars.querySelectorAll<HTMLElement>("td:last-child")) last.style.width = "100%";
  return section("Where the time went", element("div", { class: "card" }, bars, table(heads, numbers)));
}
