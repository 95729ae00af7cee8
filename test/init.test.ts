// shardgrad init: what it writes runs at once, and nothing that is there is touched. In a folder of this one, so that the
// jobs find the packages.
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";

const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
const parent = fileURLToPath(new URL("./.tmp/", import.meta.url));
mkdirSync(parent, { recursive: true });
const folder = mkdtempSync(join(parent, "init-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** As pnpm's script sets it, which npx runs in the clone: `require` finds the packages from anywhere, `import` does not. */
const env = { ...process.env, NODE_PATH: join(root, "node_modules") };

function shardgrad(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

/** The lines of a table of so many rows. */
const table = (head: string, rows: number, row: (i: number) => string) =>
  [head, ...Array.from({ length: rows }, (_, i) => row(i))].join("\n");

it.each(["mlp", "images", "char-gpt"])("a job from the template %s trains at once", async (template) => {
  const { code, stdout } = await shardgrad("init", template, "--template", template);
  expect(code).toBe(0);
  expect(stdout.split("\n")).toEqual([
    `wrote ${template}/job.ts`,
    `wrote ${template}/tsconfig.json`,
    "",
    "next:",
    `  npx shardgrad train ${template}/job.ts --out ${template}/model.safetensors`,
    "",
  ]);
  const trained = await shardgrad("train", `${template}/job.ts`, "--steps", "2", "--workers", "1");
  expect(trained).toMatchObject({ code: 0, stderr: "" });
});

it.each([
  [
    "a number",
    table("area,town,price", 60, (i) => `${i % 7},${["Bonn", "Köln"][i % 2]},${i * 1.5}`),
    "price",
    "mse(model.forward(x), y)",
  ],
  [
    "classes",
    table("a,b,kind", 60, (i) => `${i % 7},${i % 5},${["red", "green"][i % 2]}`),
    "kind",
    "crossEntropy(model.forward(x), y)",
  ],
  [
    "many words",
    table("word,kind", 120, (i) => `w${i % 40},${["yes", "no"][i % 2]}`),
    "kind",
    'const words = ["word"]',
  ],
])("a job from a table trains at once: %s", async (name, csv, target, part) => {
  const own = name.replace(" ", "-");
  writeFileSync(join(folder, `${own} #1.csv`), csv);
  const begun = await shardgrad("init", own, "--csv", `${own} #1.csv`, "--target", target, "--json");
  expect(begun).toMatchObject({ code: 0, stderr: "" });
  const { job, next, table: told } = JSON.parse(begun.stdout);
  expect(told.columns.map((column: { name: string }) => column.name)).toContain(target);
  expect(readFileSync(job, "utf8")).toContain(part);
  expect(next).toEqual([`npx shardgrad train ${own}/job.ts --out ${own}/model.safetensors`]);
  const trained = await shardgrad("train", `${own}/job.ts`, "--steps", "3", "--workers", "1");
  expect(trained).toMatchObject({ code: 0, stderr: "" });
});

it("from a table to predictions of new rows: init, train, predict", async () => {
  const houses = table("area,town,price", 200, (i) => `${i % 40},${["Bonn", "Köln"][i % 2]},${(i % 40) * 3}`);
  writeFileSync(join(folder, "houses.csv"), houses);
  await shardgrad("init", "houses", "--csv", "houses.csv", "--target", "price");
  const weights = "houses/model.safetensors";
  const trained = await shardgrad("train", "houses/job.ts", "--out", weights, "--workers", "1");
  expect(trained).toMatchObject({ code: 0, stderr: "" });
  // A town that training did not have, and columns in another order.
  writeFileSync(join(folder, "new.csv"), "town,area\nBonn,10\nUlm,30\n");
  const asked = ["houses/job.ts", "--weights", weights, "--input", "new.csv", "--out", "prices.jsonl"];
  expect(await shardgrad("predict", ...asked)).toMatchObject({
    code: 0,
    stderr: 'predict: column town: training had no "Ulm" (in 1 row); all such words count as one\n',
  });
  expect((await shardgrad("inspect", weights)).stdout).toContain(
    "\nstate     of a table: area number, town one-hot 2; 4 numbers in x\ntarget    price number\n",
  );
  const answers = readFileSync(join(folder, "prices.jsonl"), "utf8").trimEnd().split("\n");
  expect(Object.keys(JSON.parse(answers[0]!))).toEqual(["predicted_price"]);
  const [first, second] = answers.map((line) => Object.values(JSON.parse(line)).at(-1) as number);
  // In the target's own unit: about three times the area.
  expect(Math.abs(first! - 30)).toBeLessThan(15);
  expect(second!).toBeGreaterThan(first!);
});

it("rows without what is to be predicted are left out, and a person is told what became of each column", async () => {
  const flats = table(
    "id,sold,area,price",
    40,
    (i) => `${i},0${(i % 9) + 1}.02.2024,${i % 9},${i === 3 ? "" : i % 9}`,
  );
  writeFileSync(join(folder, "flats.csv"), flats);
  const { code, stdout } = await shardgrad("init", "flats", "--csv", "flats.csv", "--target", "price");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^39 rows\ncolumn +type +missing/);
  expect(stdout).toContain("id: dropped: identifier: every row has its own\n");
  expect(stdout).toMatch(/sold: values such as "01\.02\.2024" are words; write dates as 2026-01-31,/);
  expect(stdout).toContain("\nrows left out, as they have no price: 1\n");
  expect(stdout).toContain("predict flats/job.ts --weights flats/model.safetensors --input new-rows.csv\n");
  expect(readFileSync(join(folder, "flats/job.ts"), "utf8")).toContain(
    '// 1 of 40 rows had no price, and are left out.\n  dataset: table(new URL("../flats.csv", import.meta.url), { target: { column: "price", missing: "drop" } })',
  );
  const trained = await shardgrad("train", "flats/job.ts", "--steps", "3", "--workers", "1");
  expect(trained).toMatchObject({ code: 0, stderr: "" });
});

it("outside of the clone, package.json takes the package from it, and the job has no type errors", async () => {
  const outside = mkdtempSync(join(tmpdir(), "shardgrad-init-"));
  try {
    writeFileSync(
      join(outside, "t.csv"),
      table("a,b", 40, (i) => `${i % 7},${i % 5}`),
    );
    const asked = ["init", join(outside, "own"), "--csv", join(outside, "t.csv"), "--target", "b"];
    const { stdout } = await shardgrad(...asked, "--json");
    const { next, files } = JSON.parse(stdout);
    expect(next).toEqual([
      expect.stringMatching(
        /^cd \S+own && npm install && npx shardgrad train job\.ts --out model\.safetensors$/,
      ),
    ]);
    expect(files).toHaveLength(3);
    const { dependencies } = JSON.parse(readFileSync(join(outside, "own/package.json"), "utf8"));
    const source = join(outside, "own", dependencies.shardgrad.replace(/^file:/, ""));
    // As npm installs it.
    mkdirSync(join(outside, "own/node_modules/@types"), { recursive: true });
    symlinkSync(source, join(outside, "own/node_modules/shardgrad"));
    symlinkSync(join(root, "node_modules/@types/node"), join(outside, "own/node_modules/@types/node"));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [tsc, "-p", join(outside, "own")], { encoding: "utf8" });
    const trained = await shardgrad("train", join(outside, "own/job.ts"), "--steps", "2", "--workers", "1");
    expect(trained).toMatchObject({ code: 0, stderr: "" });
  } finally {
    rmSync(outside, { recursive: true });
  }
});

it("writes nothing over what is there, and an .mts job beside a package.json that is no module", async () => {
  mkdirSync(join(folder, "old"));
  writeFileSync(join(folder, "old/package.json"), '{ "name": "mine" }');
  const { stdout } = await shardgrad("init", "old", "--json");
  expect(JSON.parse(stdout).files).toEqual([join(folder, "old/job.mts"), join(folder, "old/tsconfig.json")]);
  expect(readFileSync(join(folder, "old/package.json"), "utf8")).toBe('{ "name": "mine" }');
  const again = await shardgrad("init", "old");
  expect(again).toMatchObject({ code: 2, stdout: "" });
  expect(again.stderr).toMatch(
    /^shardgrad: init: .*job\.mts is there already, and stays as it is; name another folder\n$/,
  );
});

it.each([
  [["--csv", "no.csv", "--target", "x"], /init: there is no file no\.csv\n$/],
  [["--csv", "no.csv"], /init: --csv needs --target NAME, the column to predict\n$/],
  [["--target", "x"], /init: --target needs --csv FILE/],
  [["--csv", "t.csv", "--target", "c"], /table: target: there is no column "c"; .*there are a, b\n$/],
  [["--csv", "t.csv", "--target", "a", "--template", "mlp"], /two ways to begin; choose one\n$/],
  [["--template", "cnn"], /Allowed choices are mlp, images, char-gpt\.\n$/],
])("init %j is one clear line, and nothing is written", async (flags, line) => {
  writeFileSync(join(folder, "t.csv"), "a,b\n1,2\n");
  const { code, stdout, stderr } = await shardgrad("init", "none", ...flags);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toMatch(line);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(existsSync(join(folder, "none"))).toBe(false);
});
