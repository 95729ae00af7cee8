// A text file that grows by lines, and that a resumed run continues: what it must not keep is cut off first.
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { GrowingBytes } from "./growing-bytes.ts";

export class LinesFile {
  readonly #file: number;
  readonly #next = new GrowingBytes();

  /** @param keep given the lines that are there, those that stay; undefined to begin anew */
  constructor(path: string, keep: (lines: readonly string[]) => readonly string[]) {
    const before = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [""];
    // A line without an end was cut short.
    const kept = keep(before.slice(0, -1));
    const beside = `${path}.part`;
    writeFileSync(beside, kept.map((line) => `${line}\n`).join(""));
    renameSync(beside, path);
    this.#file = openSync(path, "a");
  }

  /** @param lines with their ends */
  add(lines: string): void {
    this.#next.addText(lines);
  }

  /** Bytes that wait for `flush`. */
  get waiting(): number {
    return this.#next.length;
  }

  flush(): void {
    this.#next.writeTo(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }
}
