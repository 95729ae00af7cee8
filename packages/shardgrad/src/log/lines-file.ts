// A text file that grows by lines, and that a resumed run continues: what it must not keep is cut off first.
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";

export class LinesFile {
  readonly #file: number;
  #lines: string[] = [];

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

  add(line: string): void {
    this.#lines.push(`${line}\n`);
  }

  flush(): void {
    const text = this.#lines.join("");
    this.#lines = [];
    writeSync(this.#file, text);
  }

  close(): void {
    closeSync(this.#file);
  }
}
