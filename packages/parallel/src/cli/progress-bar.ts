// The progress bar at the bottom of a terminal, and lines above it: whole ones at any width, whoever writes them.
import cliProgress from "cli-progress";
import { directly, divert, lineWriter } from "./streams.ts";

/** The longest bar, and the shortest that says something. */
const [longest, shortest] = [30, 5];

/** The bar switches wrapping off for itself; lines that are longer than the terminal need it. */
const [wrap, noWrap] = ["\u001b[?7h", "\u001b[?7l"];

/** As much as fits into `columns`: a bar, and numbers, of which the last go first. */
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

/** While it is there, all that is written to the terminal by others, too, comes above it. */
export class ProgressBar {
  readonly #bars: cliProgress.MultiBar;
  readonly #bar: cliProgress.SingleBar;
  readonly #release: () => void;

  constructor(terminal: NodeJS.WriteStream, steps: number) {
    const stream = directly(terminal);
    this.#bars = new cliProgress.MultiBar({
      format: (options, { progress, value, total, eta }, { rate }: { rate: string }) => {
        const percent = `${Math.floor(progress * 100)}%`;
        // Zero, or less, is what it takes for the time that is left before it knows.
        const left = eta > 0 ? cliProgress.Format.TimeFormat(eta, options, 5) : "…";
        const numbers = [percent, `step ${value}/${total}`, rate, `ETA ${left}`];
        return fitBar(progress, numbers.filter(Boolean), terminal.columns ?? 80);
      },
      stream,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      // A line above it leaves no bar behind, even if that is the same as before.
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
    // What ends the process otherwise must not leave a terminal that cuts lines, nor, if it is an error, be cut itself.
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

  /** Leaves the terminal as it was, below the lines. */
  close(): void {
    this.#release();
    // Lines are printed with the next frame of the bar: draw it once more, or the last of them is lost.
    this.#bars.update();
    this.#bars.stop();
  }
}
