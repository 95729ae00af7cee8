import { expect, it } from "vitest";
import { columnsOf, fitted } from "./streams.ts";

it("a terminal that does not know its width, and says 0, breaks no line there", () => {
  expect(columnsOf({ columns: 0 }, 100)).toBe(100);
  expect(columnsOf({}, 80)).toBe(80);
  expect(columnsOf({ columns: 40 }, 80)).toBe(40);
  const terminal = { isTTY: true, columns: 0 } as NodeJS.WriteStream;
  expect(fitted("some words that fit", terminal)).toBe("some words that fit");
});
