// Where results go: tables to standard output, progress to standard error, and both kinds of file on request.
import { writeFileSync } from "node:fs";
import type { OutputOptions } from "./options.ts";

/** One progress line; on a terminal, each replaces the previous one. */
export function announce(what: string): void {
  const { stderr } = process;
  stderr.write(stderr.isTTY ? `\r\u001b[K${what}` : `${what}\n`);
}

function clearAnnouncement(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}

/** Prints a report, and writes the requested files. */
export function deliver(report: string, rows: readonly object[], { json, markdown }: OutputOptions): void {
  clearAnnouncement();
  process.stdout.write(`${report}\n`);
  if (markdown) writeFileSync(markdown, `${report}\n`);
  if (json) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
}
