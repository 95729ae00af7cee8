// What scripts/pack.ts packs comes back, whole or as its beginning.
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { pack } from "../../scripts/pack.ts";
import { FormatError } from "../errors.ts";
import { unpack } from "./unpack.ts";
import { moduleOf } from "./wasm.ts";
import * as modules from "./wasm-modules.generated.ts";

const lengths = [0, 1, 14, 15, 16, 269, 270, 271, 524, 525, 526, 1000];

test("runs of new bytes and of copies may have any length", () => {
  const noise = fc.sample(fc.uint8Array({ minLength: 1000, maxLength: 1000 }), { seed: 1, numRuns: 1 })[0]!;
  for (const fresh of lengths) {
    for (const copied of lengths) {
      const bytes = Buffer.concat([
        noise.subarray(0, fresh),
        noise.subarray(0, copied),
        noise.subarray(0, 5),
      ]);
      expect([...unpack(pack(bytes), bytes.length)], `${fresh} and ${copied}`).toEqual([...bytes]);
    }
  }
});

test("a beginning unpacks by itself", () => {
  const text = fc.array(fc.constantFrom(1, 2, 255), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(text, fc.nat(), (bytes, cut) => {
      const size = cut % (bytes.length + 1);
      expect([...unpack(pack(Uint8Array.from(bytes)), size)]).toEqual(bytes.slice(0, size));
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test("a copy may overlap what it makes, and lie as far back as two bytes say", () => {
  const row = new Uint8Array(70_000).fill(7);
  expect(pack(row).length).toBeLessThan(1000);
  const random = fc.sample(fc.uint8Array({ minLength: 65_530, maxLength: 65_530 }), {
    seed: 2,
    numRuns: 1,
  })[0]!;
  for (const gap of [4, 5, 6, 7]) {
    const far = Buffer.concat([
      Buffer.from("distance"),
      random.subarray(0, 65_527 + gap - 8),
      Buffer.from("distance"),
    ]);
    expect(Buffer.compare(unpack(pack(far), far.length), far)).toBe(0);
  }
  expect(Buffer.compare(unpack(pack(row), row.length), row)).toBe(0);
});

test("a byte that is wrong is found before it computes", () => {
  for (const [name, embedded] of Object.entries(modules)) {
    for (const build of ["wasm-relaxed", "wasm-plain"] as const) {
      const bytes = moduleOf(embedded, build);
      expect(WebAssembly.validate(bytes), name).toBe(true);
      const damaged = Buffer.from(bytes).with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1);
      const repacked = { ...embedded, packed: pack(damaged), sizes: [damaged.length] };
      expect(() => moduleOf(repacked, "wasm-relaxed"), name).toThrow(FormatError);
    }
  }
});

// In one process the engine compiles the function at another time than in the next. Some versions of it were compiled wrongly.
test("every family unpacks to a module in every new process", () => {
  const files = ["unpack.ts", "wasm-modules.generated.ts"].map((name) => new URL(name, import.meta.url).href);
  const program = `const [{ unpack }, modules] = await Promise.all(${JSON.stringify(files)}.map((url) => import(url)));
    for (const [name, { packed, sizes }] of Object.entries(modules)) {
      const bytes = unpack(packed, sizes.reduce((sum, size) => sum + size));
      const whole = [bytes.subarray(0, sizes[0]), ...(sizes[1] ? [bytes.subarray(sizes[0])] : [])];
      if (!whole.every((module) => WebAssembly.validate(module))) console.log(name);
    }`;
  for (let run = 0; run < 5; run++) {
    expect(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" })).toBe(
      "",
    );
  }
});
