// What commands tell besides their answer, in a terminal and in a file.
import { afterEach, expect, it, vi } from "vitest";
import { note } from "./run-command.ts";

afterEach(() => vi.restoreAllMocks());

const line =
  "predict: 3 of 20 answers hold NaN or infinity, number 7 first; shardgrad inspect shows whether the weights are finite";

/** What is written to standard error, in a terminal of so many columns, or in a file. */
function written(columns: number | undefined): string {
  const own = { isTTY: process.stderr.isTTY, columns: process.stderr.columns };
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  Object.assign(process.stderr, { isTTY: columns !== undefined, columns });
  try {
    note(line);
    return write.mock.calls.map(([text]) => text).join("");
  } finally {
    Object.assign(process.stderr, own);
  }
}

it("a note breaks between words where a terminal is narrow", () => {
  const lines = written(40).trimEnd().split("\n");
  for (const part of lines) expect(part.length).toBeLessThanOrEqual(40);
  expect(lines.map((part) => part.trim()).join(" ")).toBe(line);
});

it("a note is one line where nobody breaks it", () => {
  expect(written(undefined)).toBe(`${line}\n`);
});
