// Runs that begin and end, in every way, leave nothing behind: the short form of soak.slow.test.ts.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("../../testing/soak-cycles.ts", import.meta.url));

it.skipIf(!existsSync("/proc/self/fd"))(
  "no memory, thread, file or handle, in 14 cycles",
  async () => {
    // Throws if something has grown.
    const { stdout } = await promisify(execFile)(process.execPath, [script, "14"]);
    expect(stdout).toMatch(
      /^14 cycles of plain, with checkpoints, stopped, losing a worker, failing, refused, two at once:/,
    );
  },
  180_000,
);
