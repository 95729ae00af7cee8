import { expect, it } from "vitest";
import { tellingVariables } from "./machine.ts";

it("keeps the variables that matter, and no others", () => {
  const env = { OMP_NUM_THREADS: "1", OPENBLAS_CORETYPE: "Haswell", HOME: "/root", OMPHALOS: "x", PATH: "" };
  expect(tellingVariables(env)).toEqual({ OMP_NUM_THREADS: "1", OPENBLAS_CORETYPE: "Haswell" });
});
