import { expect, it } from "vitest";
import { findPython } from "./find-python.ts";

/** Only these interpreters have the library. */
const having = (...pythons: string[]) => {
  const asked: string[] = [];
  const ask = async (python: string, module: string) => {
    asked.push(`${python} ${module}`);
    if (!pythons.includes(python)) throw new Error("ModuleNotFoundError");
  };
  return { asked, ask };
};

it("takes the first that has it", async () => {
  const { asked, ask } = having("/usr/bin/python3");
  expect(await findPython("PyTorch", {}, ask)).toEqual({ python: "/usr/bin/python3" });
  expect(await findPython("JAX", {}, ask)).toEqual({ python: "/usr/bin/python3" });
  expect(asked).toEqual(["torch", "jax"].flatMap((name) => [`python3 ${name}`, `/usr/bin/python3 ${name}`]));
});

it("takes the one that is named, or none", async () => {
  const { ask } = having("python3");
  expect(await findPython("PyTorch", { SHARDGRAD_PYTHON: "python3" }, ask)).toEqual({ python: "python3" });
  expect(await findPython("JAX", { SHARDGRAD_PYTHON: "/opt/python" }, ask)).toEqual({
    reason: "no JAX in /opt/python; SHARDGRAD_PYTHON names it",
  });
});

it("says where it has looked", async () => {
  const { reason } = (await findPython("PyTorch", {}, having().ask)) as { reason: string };
  expect(reason).toMatch(/no PyTorch in python3 or \/usr\/bin\/python3; set SHARDGRAD_PYTHON/);
});
