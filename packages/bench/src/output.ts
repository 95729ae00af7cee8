// Where results go: tables to standard output, what is going on to standard error, both kinds of file where asked for.
import { writeFileSync } from "node:fs";
import type { OutputOptions } from "./options.ts";

/** One line about what is under way; on a terminal, each replaces the one before it. */
export function announce(what: string): void {
  const { stderr } = process;
  stderr.write(stderr.isTTY ? `\r\u001b[K${what}` : `${what}\n`);
}

function clearAnnouncement(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}

/** Prints a report, and writes the files that were asked for. */
export function deliver(report: string, rows: readonly object[], { json, markdown }: OutputOptions): void {
  clearAnnouncement();
  process.stdout.write(`${report}\n`);
  if (markdown) writeFileSync(markdown, `${report}\n`);
  if (json) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
}
