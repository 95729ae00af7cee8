// Projects from `npm init`, whose package.json says "type": "commonjs". CommonJS jobs train; for ES modules, one line
// says what to write.
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fileIn } from "./fetched-runtimes.ts";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
/** Where the packages are found. */
const project = fileURLToPath(new URL(`./.tmp/common-js-${process.pid}/`, import.meta.url));
beforeAll(() => {
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", type: "commonjs" }));
});
afterAll(() => rmSync(project, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(project, name);
  writeFileSync(file, text);
  return file;
}

const run = (...args: string[]) => runBy(process.execPath, ...args);

function runBy(node: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) =>
    execFile(node, args, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    ),
  );
}

const parts = `{
  dataset: { train: { x: { data: new Float32Array(16).fill(1), shape: [2] } } },
  model: () => new Linear(2, 1),
  loss: (model, { x }) => mean(square(model.forward(x))),
  optimizer: (parameters) => new SGD(parameters, { lr: 0.1 }),
  batchSize: 8, epochs: 20,
}`;
const required = `
  const { Linear, mean, SGD, square } = require("@shardgrad/core");
  const { defineJob, train } = require("@shardgrad/parallel");`;
const imported = `
  import { Linear, mean, SGD, square } from "@shardgrad/core";
  import { defineJob, train } from "@shardgrad/parallel";`;

/** The pinned Node.js, and the oldest one if it is here. */
const nodes = [process.execPath, fileIn("node-22", "bin/node") ?? []].flat();

describe("a job in CommonJS", () => {
  /** What the same job prints as an ES module. */
  let expected: string;
  beforeAll(async () => {
    const file = write(
      "es.mjs",
      `${imported}
      export default defineJob(${parts});
      if (import.meta.main) {
        const { steps, weightsSha256 } = await train(import.meta.url, { workers: 1 });
        console.log(steps, weightsSha256);
      }`,
    );
    expected = (await run(file)).stdout;
    expect(expected).toMatch(/^20 [0-9a-f]{64}\n$/);
  });

  it.each(nodes.flatMap((node) => ["job.ts", "job.cts"].map((name) => ({ node, name }))))(
    "in TypeScript, $name, trains on $node, by the command and by itself",
    async ({ node, name }) => {
      write("rate.cts", "const rate: number = 0.1; module.exports = { rate };");
      const file = write(
        name,
        `${required}
      const { rate } = require("./rate.cts");
      const epochs: number = 20;
      module.exports = defineJob(${parts.replace("lr: 0.1", "lr: rate").replace("epochs: 20", "epochs")});
      if (require.main === module) train(__filename, { workers: 1 }).then(({ steps, weightsSha256 }) => console.log(steps, weightsSha256));`,
      );
      const commanded = await runBy(node, command, "train", file, "--workers", "1", "--json");
      expect(commanded).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`"weightsSha256":"${expected.slice(3, -1)}"`),
      });
      expect(await runBy(node, file)).toMatchObject({ code: 0, stdout: expected });
    },
  );

  it("trains by the command, and by itself", async () => {
    const file = write(
      "job.js",
      `${required}
      module.exports = defineJob(${parts});
      if (require.main === module) train(__filename, { workers: 1 }).then(({ steps, weightsSha256 }) => console.log(steps, weightsSha256));`,
    );
    const [commanded, alone] = await Promise.all([
      run(command, "train", file, "--workers", "1", "--json"),
      run(file),
    ]);
    expect([commanded.code, commanded.stderr]).toEqual([0, ""]);
    expect(commanded.stdout).toContain(`"weightsSha256":"${expected.slice(3, -1)}"`);
    expect(alone).toEqual({ code: 0, stdout: expected, stderr: "" });
  });

  it("is trained by a program in CommonJS, as is an ES module", async () => {
    write("apart.cjs", `${required}\nmodule.exports = defineJob(${parts});`);
    const file = write(
      "program.js",
      `const { train } = require("@shardgrad/parallel");
      const print = ({ steps, weightsSha256 }) => console.log(steps, weightsSha256);
      const path = require("node:path").join(__dirname, "es.mjs");
      train(require.resolve("./apart.cjs"), { workers: 1 }).then(print).then(() => train(path, { workers: 1 })).then(print);`,
    );
    expect(await run(file)).toEqual({ code: 0, stdout: expected + expected, stderr: "" });
  });

  it("that trains whenever it is loaded is told what to write", async () => {
    const file = write("endless.js", `${required}\nmodule.exports = defineJob(${parts}); train(__filename);`);
    const { code, stderr } = await run(command, "train", file);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^shardgrad: train: called by a job module while it is imported; .*, or in CommonJS: if \(require\.main === module\) \{ train\(__filename\) \}\n$/,
    );
  });
});

it.each<[name: string, renamed: string, text: string]>([
  ["job.ts", "job.mts", `${imported}\nexport default defineJob(${parts});`],
  ["es.js", "es.mjs", `${imported}\nexport default defineJob(${parts});`],
  ["meta.ts", "meta.mts", `${required}\nmodule.exports = defineJob(${parts}); console.log(import.meta.url);`],
  ["export.js", "export.mjs", `${required}\nexport default defineJob(${parts});`],
  ["await.js", "await.mjs", `${required}\nawait 1; module.exports = defineJob(${parts});`],
])("an ES module, %s, is told in one line to be %s", async (name, renamed, text) => {
  const { code, stdout, stderr } = await run(command, "train", write(name, text));
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(
    /^shardgrad: train: cannot load the job \/.*: .*package\.json says "type": "commonjs", but it is an ES module \(.*\); rename it to .*, or write "type": "module" there\n$/,
  );
  expect(stderr).toContain(`rename it to ${renamed},`);
  const moved = write(
    renamed,
    text.replace(required, imported).replace("module.exports =", "export default"),
  );
  expect(await run(command, "train", moved, "--workers", "1", "--json")).toMatchObject({ code: 0 });
});

it("any other syntax error is told as it is", async () => {
  const file = write("broken.js", `${required}\nmodule.exports = defineJob({ loss: ( });`);
  const { stderr } = await run(command, "train", file);
  expect(stderr).toMatch(/: SyntaxError: Unexpected token '\}' \(.*broken\.js:4\)\n$/);
});
