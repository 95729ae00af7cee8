// Waits for workers that must not be ended in the middle of something.
import { expect, test } from "vitest";
import { allSettledOrThrow } from "./gang.ts";

test("a failure is told only when the others have ended, too", async () => {
  const slow = Promise.withResolvers<void>();
  const failed = Promise.reject(new Error("first"));
  let told = false;
  const all = allSettledOrThrow([slow.promise, failed]).catch((error: Error) => {
    told = true;
    return error.message;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toBe(false);
  slow.resolve();
  expect(await all).toBe("first");
});

test("without a failure it just waits", async () => {
  expect(await allSettledOrThrow([Promise.resolve(), Promise.resolve()])).toBeUndefined();
});
