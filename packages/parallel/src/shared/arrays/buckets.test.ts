import fc from "fast-check";
import { expect, it } from "vitest";
import { planBuckets } from "./buckets.ts";

it("parts cover the arrays from the end, whole parameter by whole parameter, each of some size", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 30 }),
      fc.constantFrom(2, 64),
      (lines, machines) => {
        let start = 0;
        const parameters = lines.map((count, i) => {
          const place = { name: String(i), shape: [count * 16], start, size: count * 16 };
          start += count * 16;
          return place;
        });
        const buckets = planBuckets(parameters, start, machines);
        let [to, end] = [start, parameters.length];
        for (const bucket of buckets) {
          expect(bucket.to).toBe(to);
          expect(bucket.parameters[1]).toBe(end);
          expect(bucket.from).toBe(parameters[bucket.parameters[0]]!.start);
          [to, end] = [bucket.from, bucket.parameters[0]];
        }
        expect([to, end]).toEqual([0, 0]);
        // Only the last may be small: the first layer's.
        for (const { from, to } of buckets.slice(0, -1))
          expect(4 * (to - from)).toBeGreaterThanOrEqual(machines === 2 ? 2 ** 19 : 2 ** 22);
      },
    ),
  );
});
