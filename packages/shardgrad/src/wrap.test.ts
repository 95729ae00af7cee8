import { describe, expect, it } from "vitest";
import { wrap } from "./wrap.ts";

const epoch = "epoch 1/3  loss 1.5598  test loss 0.9482, accuracy 0.8733   15,620 samples/s";

describe("a line that is too long breaks", () => {
  it.each<[columns: number, lines: string[]]>([
    [80, [epoch]],
    [epoch.length, [epoch]],
    [60, ["epoch 1/3  loss 1.5598  test loss 0.9482, accuracy 0.8733", "  15,620 samples/s"]],
    [40, ["epoch 1/3  loss 1.5598", "  test loss 0.9482, accuracy 0.8733", "  15,620 samples/s"]],
    [20, ["epoch 1/3", "  loss 1.5598  test", "  loss 0.9482,", "  accuracy 0.8733", "  15,620 samples/s"]],
  ])("at wider gaps first, else between words: in %i columns", (columns, lines) =>
    expect(wrap(epoch, columns)).toEqual(lines),
  );

  it("never within a word, which may be a path", () =>
    expect(wrap("written to /a/path/that/is/longer", 20)).toEqual([
      "written to",
      "  /a/path/that/is/longer",
    ]));

  it("with another indent, or none", () =>
    expect(wrap("one two three", 8, "")).toEqual(["one two", "three"]));
});

it.each(["", "  indented", "a b"])("%j fits, and stays as it is", (text) =>
  expect(wrap(text, 10)).toEqual([text]),
);
