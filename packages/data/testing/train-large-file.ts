// Trains over a file that is larger than memory, and looks at the memory of the process:
//   node testing/train-large-file.ts [GB, default 8] [folder]
// Writes x.npy of so many GB (float32, 256 numbers a row) and y.npy into a folder, and trains one epoch by rows(). Ends
// with an error if the process, with all of its workers, ever held more than 2 GB. Run it before a release.
import { once } from "node:events";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Linear, mse, SGD } from "@shardgrad/core";
import { rows } from "@shardgrad/data";
import { defineJob, train } from "@shardgrad/parallel";

const width = 256;
const most = 2e9;
const folder = process.env.SHARDGRAD_LARGE_FOLDER;

/** Writes a .npy file block by block; row i is a function of i. */
async function writeNpy(
  path: string,
  count: number,
  size: number,
  numberAt: (row: number, at: number) => number,
) {
  const file = createWriteStream(path);
  const shape = size === 1 ? `(${count}, 1)` : `(${count}, ${size})`;
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  const header = `${dictionary.padEnd(117)}\n`;
  file.write(
    Buffer.concat([Buffer.from("\x93NUMPY\x01\x00", "latin1"), Buffer.from([118, 0]), Buffer.from(header)]),
  );
  const block = 4096;
  for (let start = 0; start < count; start += block) {
    const numbers = new Float32Array(Math.min(block, count - start) * size);
    for (let i = 0; i < numbers.length; i++) numbers[i] = numberAt(start + Math.floor(i / size), i % size);
    if (!file.write(Buffer.from(numbers.buffer))) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
}

// Workers import this module as the job; the folder tells them where the files are.
export default folder === undefined
  ? undefined
  : defineJob({
      dataset: { train: rows({ x: join(folder, "x.npy"), y: join(folder, "y.npy") }) },
      model: () => new Linear(width, 1),
      loss: (model, { x, y }) => mse(model.forward(x), y),
      optimizer: (parameters) => new SGD(parameters, { lr: 0.001 }),
      batchSize: 2048,
      epochs: 1,
    });

if (import.meta.main && folder === undefined) {
  const [gigabytes = "8", where = tmpdir()] = process.argv.slice(2);
  const made = mkdtempSync(join(where, "shardgrad-large-"));
  try {
    const count = Math.round((Number(gigabytes) * 1e9) / (4 * width));
    console.log(`writing ${count} rows of ${width} numbers, ${gigabytes} GB, into ${made}`);
    await writeNpy(join(made, "x.npy"), count, width, (row, at) => ((row * 31 + at * 17) % 101) / 101);
    await writeNpy(join(made, "y.npy"), count, 1, (row) => (row % 7) / 7);
    process.env.SHARDGRAD_LARGE_FOLDER = made;
    const run = train(`${import.meta.url}?job`);
    let largest = 0;
    const look = setInterval(() => {
      largest = Math.max(largest, process.memoryUsage.rss());
    }, 200);
    const { steps, seconds } = await run;
    clearInterval(look);
    console.log(
      `${steps} steps in ${seconds.toFixed(0)} s, ${((Number(gigabytes) * 1e3) / seconds).toFixed(0)} MB/s; at most ${(largest / 1e9).toFixed(2)} GB of memory`,
    );
    if (largest > most) throw new Error(`the process held ${largest} bytes, expected at most ${most}`);
  } finally {
    rmSync(made, { recursive: true });
  }
}
