import { expect, it } from "vitest";
import { findPytorch } from "./find-pytorch.ts";

/** Only these interpreters have PyTorch. */
const having = (...pythons: string[]) => {
  const asked: string[] = [];
  const ask = async (python: string) => {
    asked.push(python);
    if (!pythons.includes(python)) throw new Error("ModuleNotFoundError");
    return "2.0";
  };
  return { asked, ask };
};

it("takes the first that has it", async () => {
  const { asked, ask } = having("/usr/bin/python3");
  expect(await findPytorch({}, ask)).toEqual({ python: "/usr/bin/python3" });
  expect(asked).toEqual(["python3", "/usr/bin/python3"]);
});

it("takes the one that is named, or none", async () => {
  const { ask } = having("python3");
  expect(await findPytorch({ SHARDGRAD_PYTHON: "python3" }, ask)).toEqual({ python: "python3" });
  expect(await findPytorch({ SHARDGRAD_PYTHON: "/opt/python" }, ask)).toEqual({
    reason: "no PyTorch in /opt/python; SHARDGRAD_PYTHON names it",
  });
});

it("says where it has looked", async () => {
  const { reason } = (await findPytorch({}, having().ask)) as { reason: string };
  expect(reason).toMatch(/no PyTorch in python3 or \/usr\/bin\/python3; set SHARDGRAD_PYTHON/);
});
