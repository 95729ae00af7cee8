// The progress bar at the bottom of a terminal, with lines above it. Lines stay whole at any width, whoever writes
// them.
import cliProgress from "cli-progress";
import { columnsOf, directly, divert, lineWriter } from "./streams.ts";

/** The longest bar, and the shortest that is still useful. */
const [longest, shortest] = [30, 5];

/** The bar turns line wrapping off for itself; longer lines of text need it on. */
const [wrap, noWrap] = ["\u001b[?7h", "\u001b[?7l"];

/** What fits into `columns`: a bar and numbers, dropping the last numbers first. */
export function fitBar(progress: number, numbers: readonly string[], columns: number): string {
  for (let count = numbers.length; count > 0; count--) {
    const text = numbers.slice(0, count).join("  ");
    const size = Math.min(longest, columns - text.length - 2);
    if (size < shortest) continue;
    const done = Math.round(progress * size);
    return `${"█".repeat(done)}${"░".repeat(size - done)} ${text}`;
  }
  return (numbers[0] ?? "").slice(0, Math.max(0, columns - 1));
}

/** While the bar is there, everything that others write to the terminal appears above it. */
export class ProgressBar {
  readonly #bars: cliProgress.MultiBar;
  readonly #bar: cliProgress.SingleBar;
  readonly #release: () => void;

  constructor(terminal: NodeJS.WriteStream, steps: number) {
    const stream = directly(terminal);
    this.#bars = new cliProgress.MultiBar({
      format: (options, { progress, value, total, eta }, { rate }: { rate: string }) => {
        const percent = `${Math.floor(progress * 100)}%`;
        // The bar's estimate of the remaining time is 0 or negative until it has one.
        const left = eta > 0 ? cliProgress.Format.TimeFormat(eta, options, 5) : "…";
        const numbers = [percent, `step ${value}/${total}`, rate, `ETA ${left}`];
        return fitBar(progress, numbers.filter(Boolean), columnsOf(terminal, 80));
      },
      stream,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      // Erase the bar before a line above it, even if the bar has not changed.
      forceRedraw: true,
      fps: 10,
      etaBuffer: 50,
    });
    this.#bar = this.#bars.create(steps, 0, { rate: "" });
    const others = [process.stdout, process.stderr].filter(({ isTTY }) => isTTY);
    const writers = others.map((other) => {
      const { write, flush } = lineWriter((line) => this.line(line));
      return { flush, release: divert(other, write) };
    });
    const close = () => this.close();
    // If the process ends early, wrapping must be on again, and an error message must not be cut.
    process.once("exit", close).once("uncaughtExceptionMonitor", close);
    this.#release = () => {
      process.off("exit", close).off("uncaughtExceptionMonitor", close);
      for (const { flush, release } of writers) {
        flush();
        release();
      }
    };
  }

  update(step: number, rate: string): void {
    this.#bar.update(step, { rate });
  }

  line(text: string): void {
    this.#bars.log(`${wrap}${text}\n${noWrap}`);
  }

  /** Restores the terminal below the lines. */
  close(): void {
    this.#release();
    // The bar prints lines with its next frame. Draw once more, or the last ones are lost.
    this.#bars.update();
    this.#bars.stop();
  }
}
