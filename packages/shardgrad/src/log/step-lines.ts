// The rows of steps, of which there may be ten thousand a second: the lines that rows.ts has for them, made at once. Each
// number becomes text once, and rates, shares and times have no more digits than they are good for.
import type { ObservedStep } from "@shardgrad/parallel/command";
import { stepColumns } from "./rows.ts";

const rounded = (value: number, parts: number) => Math.round(value * parts) / parts;

/** A number in JSON, of its text. */
const jsonNumber = (value: number, text: string) => (Number.isFinite(value) ? text : "null");

export class StepLines {
  /** The names of a step's numbers. */
  readonly names: readonly string[];
  /** Those of the last step taken, and its lines. */
  values: number[] = [];
  csv = "";
  json = "";
  /** What stands between the cells of steps, where only epochs have numbers. */
  readonly #afterLoss: string;
  readonly #afterShare: string;

  /** @param columns of the CSV file */
  constructor(columns: readonly string[], groups: number) {
    this.names = stepColumns(groups);
    const at = (name: string) => columns.indexOf(name);
    this.#afterLoss = ",".repeat(at("lr") - at("loss"));
    this.#afterShare = ",".repeat(columns.length - at("waitShare"));
  }

  take(observed: ObservedStep): void {
    const { step, epoch, loss, lr, lrs, gradNorm, skipped, timeMs } = observed;
    const rate = rounded(observed.samplesPerSecond, 1e3);
    const share = rounded(observed.waitShare, 1e4);
    const [lossText, lrText, normText] = [`${loss}`, `${lr}`, `${gradNorm}`];
    const [rateText, shareText] = [`${rate}`, `${share}`];
    const time = rounded(timeMs / 1000, 1e3);
    this.values = lrs ? [loss, ...lrs, gradNorm, rate, share] : [loss, lr, gradNorm, rate, share];
    this.csv = `step,${step},${epoch},${time},${lossText}${this.#afterLoss}${lrs ? lrs.join(",") : lrText},${normText},${rateText},${shareText}${this.#afterShare}${skipped ? 1 : 0}`;
    this.json = `{"type":"step","step":${step},"epoch":${epoch},"time":${time},"loss":${jsonNumber(loss, lossText)},"lr":${jsonNumber(lr, lrText)},${lrs ? `"lrs":${JSON.stringify(lrs)},` : ""}"gradNorm":${jsonNumber(gradNorm, normText)},"samplesPerSecond":${jsonNumber(rate, rateText)},"waitShare":${shareText},"skipped":${skipped}}`;
  }
}
