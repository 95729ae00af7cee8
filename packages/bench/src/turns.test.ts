import { expect, it } from "vitest";
import { planTurn } from "./turns.ts";

it("makes turns of about 0.3 s, of two steps at least, or of a single long one", () => {
  expect(planTurn(0.1)).toEqual({ warm: 1000, steps: 3000 });
  expect(planTurn(40)).toEqual({ warm: 3, steps: 8 });
  expect(planTurn(400)).toEqual({ warm: 1, steps: 2 });
  expect(planTurn(20_000)).toEqual({ warm: 0, steps: 1 });
});
