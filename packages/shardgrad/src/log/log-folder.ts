// The option `log`: a folder with the numbers of each step and each epoch as CSV, as JSON Lines, and as a TensorBoard
// event file. What it writes is on the disk after a second. If the disk refuses it, the run goes on without.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { StartEvent, TrainEvent } from "@shardgrad/parallel";
import { JobError } from "@shardgrad/parallel";
import type { ObservedStep, Onlooker } from "@shardgrad/parallel/command";
import { describeThrown, requireWritableFolder } from "@shardgrad/parallel/command";
import { EventFile } from "./event-file.ts";
import { LinesFile } from "./lines-file.ts";
import type { LogRow } from "./rows.ts";
import {
  columnsOf,
  csvHeader,
  csvLine,
  epochRow,
  jsonLine,
  numbersOf,
  parseLine,
  staysBefore,
} from "./rows.ts";
import { StepLines } from "./step-lines.ts";

/** Rows are collected for so long, or until there are so many bytes. */
const [flushMs, flushBytes] = [1000, 256 * 1024];

const names = { csv: "metrics.csv", json: "metrics.jsonl" } as const;

interface Files {
  csv: LinesFile;
  json: LinesFile;
  events: EventFile;
  stepLines: StepLines;
  columns: readonly string[];
  evaluates: string;
}

export class LogFolder implements Onlooker {
  readonly #folder: string;
  readonly #resumes: boolean;
  #start: StartEvent | undefined;
  #files: Files | undefined;
  #flushedMs = Number.NEGATIVE_INFINITY;

  /** @param resumes whether the run may continue an earlier one */
  constructor(folder: string, resumes: boolean) {
    this.#folder = folder;
    this.#resumes = resumes;
  }

  async begin(): Promise<void> {
    await requireWritableFolder(`train: log ${this.#folder}`, this.#folder);
    const own = Object.values(names).find((name) => existsSync(join(this.#folder, name)));
    if (own === undefined || this.#resumes) return;
    throw new JobError(
      `train: log ${this.#folder} has ${own} of another run; resume that run, or name another folder`,
    );
  }

  event(event: TrainEvent): void {
    if (event.type === "start") {
      this.#start = event;
      if (!this.#resumes) this.#open({ step: 0, epoch: 0 });
    } else if (event.type === "resume") this.#open(event);
    else if (event.type === "epoch") this.#add(epochRow(event));
    // A run that is resumed from a checkpoint finds all rows up to it.
    if (event.type === "checkpoint" || this.#isDue(performance.now())) this.#flush();
  }

  steps(from: number, to: number, read: (step: number) => ObservedStep): void {
    if (!this.#files) return;
    const { csv, json, events, stepLines } = this.#files;
    let [csvLines, jsonLines] = ["", ""];
    for (let step = from; step <= to; step++) {
      const observed = read(step);
      stepLines.take(observed);
      csvLines += `${stepLines.csv}\n`;
      jsonLines += `${stepLines.json}\n`;
      events.add("step", observed.timeMs, step, stepLines);
    }
    csv.add(csvLines);
    json.add(jsonLines);
  }

  end(): void {
    this.#writing(({ csv, json, events }) => {
      for (const file of [csv, json, events]) {
        file.flush();
        file.close();
      }
    });
  }

  /** Opens all files, or, if the run continues an earlier one, cuts off what that did beyond. */
  #open(resumed: { step: number; epoch: number }): void {
    const { evaluates } = this.#start!;
    const columns = columnsOf(this.#start!);
    try {
      mkdirSync(this.#folder, { recursive: true });
      let rows: LogRow[] = [];
      const json = new LinesFile(join(this.#folder, names.json), (lines) => {
        rows = lines.flatMap((line) => parseLine(line) ?? []).filter((row) => staysBefore(row, resumed));
        return rows.map(jsonLine);
      });
      // Its columns may have changed: written anew from the rows.
      const csv = new LinesFile(join(this.#folder, names.csv), () => [
        csvHeader(columns),
        ...rows.map((row) => csvLine(row, columns, numbersOf(row, evaluates))),
      ]);
      const events = new EventFile(this.#folder, this.#resumes ? resumed.step : undefined);
      const stepLines = new StepLines(columns, this.#start!.groups);
      this.#files = { csv, json, events, stepLines, columns, evaluates };
    } catch (error) {
      throw new JobError(`train: log ${this.#folder} cannot be written: ${describeThrown(error)}`, {
        cause: error,
      });
    }
  }

  #add(row: LogRow): void {
    if (!this.#files) return;
    const { csv, json, events, columns, evaluates } = this.#files;
    const numbers = numbersOf(row, evaluates);
    json.add(`${jsonLine(row)}\n`);
    csv.add(`${csvLine(row, columns, numbers)}\n`);
    const [names, values] = [Object.keys(numbers), Object.values(numbers)];
    events.add(row.type, row.time * 1000, row.step, { names, values });
  }

  #isDue(nowMs: number): boolean {
    return nowMs - this.#flushedMs >= flushMs || (this.#files?.json.waiting ?? 0) >= flushBytes;
  }

  #flush(): void {
    this.#flushedMs = performance.now();
    this.#writing((files) => {
      for (const file of [files.csv, files.json, files.events]) file.flush();
    });
  }

  /** A log is not worth a run: if writing fails, says so once, and stops logging. */
  #writing(write: (files: Files) => void): void {
    const files = this.#files;
    if (!files) return;
    try {
      write(files);
    } catch (error) {
      this.#files = undefined;
      process.stderr.write(
        `train: log ${this.#folder} cannot be written: ${describeThrown(error)}; the run goes on without it\n`,
      );
    }
  }
}
