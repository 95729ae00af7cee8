// Names of options: what is said about one that does not exist. That all functions look is ../../../test/options.test.ts.
import { expect, test } from "vitest";
import { checkOptions, findUnknown, nearestName, optionNames } from "./options.ts";

const names = optionNames<{ reduction?: string; delta?: number }>(
  { reduction: true, delta: true },
  { beta: "use delta" },
);

test("what is near is proposed, and all are listed", () => {
  expect(findUnknown({ reductoin: 1 }, names)).toBe(
    'there is no option "reductoin"; did you mean reduction? There are reduction, delta',
  );
  expect(findUnknown({ colour: 1 }, names)).toBe('there is no option "colour"; there are reduction, delta');
  expect(findUnknown({ beta: 1 }, names)).toBe('there is no option "beta": use delta');
  expect(findUnknown({ constructor: 1 }, names)).toContain('there is no option "constructor"');
  expect(findUnknown({ x: 1 }, optionNames<object>({}), "part")).toBe('there is no part "x"; it takes none');
  expect(findUnknown(3, names, "part")).toBe("got 3, expected an object, such as { reduction: … }");
  expect(findUnknown({ reduction: "sum" }, names)).toBeUndefined();
  expect(nearestName("weigth", ["lr", "weight"])).toBe("weight");
  expect(nearestName("a", ["lr"])).toBeUndefined();
});

test.each<[unknown, string]>([
  [true, "f: options are true, expected an object, such as { reduction: … }"],
  [null, "f: options are null"],
  [0.1, "f: options are 0.1"],
  [new Float32Array(1), "f: options are a Float32Array"],
  [[1], "f: options are an array"],
])("what is no object of options is refused: %j", (options, message) => {
  expect(() => checkOptions("f", options, names)).toThrow(message);
});
