import { expect, it } from "vitest";
import { markdownTable } from "./markdown.ts";

it("aligns columns, and escapes what would end a cell", () => {
  const table = markdownTable(
    [
      ["who", "left"],
      ["ms", "right"],
    ],
    [
      ["a|b", "1.5"],
      ["c\nd", "100"],
    ],
  );
  expect(table).toBe(["| who  |  ms |", "| ---- | --: |", "| a\\|b | 1.5 |", "| c d  | 100 |"].join("\n"));
});
