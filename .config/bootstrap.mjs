// `npm start`, `npm test`, `npm run test:slow`, `npm run bench` and `npm run why` on a fresh clone: install, build what
// changed, then train, test, measure or explain. This runs on the machine's own Node.js (18 or newer) and needs only npm. Everything after
// the install runs on the Node.js that package.json pins. The scripts of the package.json files say what each phase runs.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { keep, pinnedNode, script, show } from "./children.mjs";

const pnpm = "pnpm@12.21.0";
// The packages in build order, and the files that prove that each is built.
const products = {
  "packages/core": [
    "dist/index.js",
    "dist/engine.js",
    "dist/testing.js",
    "src/kernels/wasm-modules.generated.ts",
  ],
  "packages/blas": ["dist/index.js"],
  "packages/native": ["dist/index.js", "src/kernel-code.generated.ts"],
  "packages/parallel": ["dist/index.js", "dist/engine.js", "dist/command.js", "dist/worker.js"],
  "packages/mpi": ["dist/index.js"],
  "packages/data": ["dist/index.js"],
  "packages/shardgrad": ["dist/index.js", "dist/cli.js", "dist/why-browser.js"],
};
const plans = {
  start: ["install", "code", "train"],
  test: ["install", "lint", "build", "check", "test"],
  slow: ["install", "build", "runtimes", "slow"],
  runtimes: ["runtimes"],
  build: ["install", "build"],
  bench: ["install", "code", "bench"],
  why: ["install", "code", "why"],
};

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const folders = [...readdirSync("packages").map((name) => `packages/${name}`), "examples", "test"];
const members = folders.filter((folder) => existsSync(`${folder}/package.json`));
const times = [];
const secondsSince = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`;

// ---- Stamps: a hash of the inputs, stored beside the outputs, so that nothing is done twice ----

function filesUnder(path) {
  if (!existsSync(path) || /\.(test|generated)\.ts$/.test(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path).flatMap((name) => filesUnder(`${path}/${name}`));
}

function hashOf(paths, seed) {
  const hash = createHash("sha256").update(seed);
  for (const file of paths.flatMap(filesUnder).sort()) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest("hex");
}

/** Skips the work if a stamp shows the same inputs, or more work with the same, and the outputs still exist. */
async function unlessStamped(stampFile, hash, outputs, work, moreWork) {
  const stamp = existsSync(stampFile) && readFileSync(stampFile, "utf8");
  if ((stamp === hash || stamp === moreWork) && outputs.every((file) => existsSync(file)))
    return "up to date";
  rmSync(stampFile, { force: true });
  const start = performance.now();
  await work();
  writeFileSync(stampFile, hash);
  return secondsSince(start);
}

// ---- Phases: each resolves to its report ----

const manifests = ["package.json", ...members.map((folder) => `${folder}/package.json`)];
const installHash = hashOf(["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests], pnpm);

const phases = {
  install() {
    const outputs = [pinnedNode, ...members.map((folder) => `${folder}/node_modules`)];
    return unlessStamped("node_modules/.shardgrad-install", installHash, outputs, async () => {
      // Without the pinned Node.js, an install was interrupted, but pnpm would consider it finished.
      if (!existsSync(pinnedNode)) rmSync("node_modules", { recursive: true, force: true });
      // pnpm skips optional packages, such as native bindings, that the Node.js it sees cannot run.
      const target = JSON.parse(readFileSync("package.json", "utf8")).devDependencies.node;
      const command = `npx --yes ${pnpm} install --frozen-lockfile --config.node-version=${target}`;
      // On the machine's own Node.js, as this may replace the pinned one. CI stops pnpm from asking questions.
      await keep("pnpm install", command, { path: [], env: { CI: "true" } });
      await requirePinnedNode(target);
    });
  },

  /** Other runtimes, which only slow tests need: they are as large as all that everybody installs. */
  runtimes() {
    const folder = "test/runtimes";
    const hash = hashOf(
      ["package.json", "pnpm-lock.yaml"].map((name) => `${folder}/${name}`),
      pnpm,
    );
    return unlessStamped(`${folder}/node_modules/.shardgrad-install`, hash, [], () =>
      keep(`pnpm install in ${folder}`, `npx --yes ${pnpm} install --frozen-lockfile`, {
        ...{ folder, path: [], env: { CI: "true" } },
      }),
    );
  },

  lint: () => timed("biome", script("lint")),

  build: () =>
    eachPackage((folder, stamp, hash, outputs) =>
      unlessStamped(stamp, hash, outputs, () => script("build", folder)),
    ),

  /** What runs, without its types: they take most of the time, and to train, nobody needs them. */
  code: () =>
    eachPackage((folder, stamp, hash, outputs) =>
      unlessStamped(stamp, `${hash} code`, outputs, () => script("build:code", folder), hash),
    ),

  /** In parallel, on all cores; failures are shown when all have ended. */
  async check() {
    const types = members.map((folder) => timed(`${basename(folder)} types`, script("typecheck", folder)));
    const results = await Promise.allSettled([timed("layers", script("layers")), ...types]);
    const errors = results.filter((result) => result.status === "rejected").map((result) => result.reason);
    if (errors.length === 0) return results.map((result) => result.value).join(", ");
    const message = errors.map((error) => error.message).join(", ");
    throw Object.assign(errors[0], { message, output: errors.flatMap((error) => error.output) });
  },

  test: (args) => runTests("vitest.config.ts", args),
  slow: (args) => runTests("vitest.slow.config.ts", args),

  train(args) {
    console.log();
    const train = ["train", "examples/mnist-mlp.ts", "--out", "model.safetensors"];
    return show("shardgrad train", ["packages/shardgrad/bin/shardgrad.js", ...train, ...args]);
  },

  bench(args) {
    console.log();
    return show("bench", ["packages/bench/src/main.ts", ...args]);
  },

  why(args) {
    console.log();
    return show("shardgrad why", ["packages/shardgrad/bin/shardgrad.js", "why", ...args]);
  },
};

/** Small systems, such as an image of a container, may lack a library that it needs and the machine's own does not. */
async function requirePinnedNode(version) {
  try {
    await keep(`Node.js ${version}, on which everything runs,`, `${pinnedNode} --version`, { path: [] });
  } catch (error) {
    const [library] = /\blib[\w+-]+\.so[.\d]*/.exec(Buffer.concat(error.output)) ?? [];
    if (library === undefined) throw error;
    const how = library.startsWith("libatomic") ? ": on Debian and Ubuntu, apt-get install libatomic1" : "";
    error.message += `; install ${library}${how}`;
    throw error;
  }
}

async function eachPackage(build) {
  const report = [];
  let hash = installHash;
  for (const [folder, names] of Object.entries(products)) {
    const inputs = ["package.json", "tsconfig.json", "tsup.config.ts", "scripts", "src"];
    // Seeded with the previous hash: a package is rebuilt when the tools, or what it imports, have changed.
    hash = hashOf(["tsconfig.base.json", ...inputs.map((name) => `${folder}/${name}`)], hash);
    const outputs = names.map((name) => `${folder}/${name}`);
    report.push(`${basename(folder)} ${await build(folder, `${folder}/dist/.stamp`, hash, outputs)}`);
  }
  return report.join(", ");
}

async function timed(label, work) {
  const start = performance.now();
  await work;
  return `${label} ${secondsSince(start)}`;
}

/** Ends with the line `N passed, N failed` or `N passed, N failed, N skipped`, for machines to read. */
async function runTests(config, args) {
  console.log();
  const start = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "shardgrad-test-"));
  const resultFile = join(folder, "results.json");
  const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", `.config/${config}`];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${resultFile}`];
  const error = await show("vitest", [...vitest, ...reporters, ...args]).catch((reason) => reason);
  console.log(`${times.join(", ")}, test ${secondsSince(start)}`);
  if (existsSync(resultFile)) console.log(counts(JSON.parse(readFileSync(resultFile, "utf8")), error));
  rmSync(folder, { recursive: true });
  if (error) throw error;
}

function counts(results, error) {
  // A file that does not load, or an error outside any test, fails the run but no test: never print "0 failed" then.
  const failed = error ? Math.max(1, results.numFailedTests) : 0;
  const skipped = results.numPendingTests + results.numTodoTests;
  return `${results.numPassedTests} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}

function fail(line, code) {
  console.error(line);
  process.exitCode = code;
}

async function main([command, ...args]) {
  const tooOld = Number.parseInt(process.versions.node, 10) < 18;
  if (tooOld) return fail(`shardgrad needs Node.js 18 or newer; this is ${process.version}`, 1);
  if (!plans[command]) return fail(`usage: bootstrap.mjs ${Object.keys(plans).join("|")} [arguments]`, 2);
  for (const name of plans[command]) {
    const start = performance.now();
    process.stdout.write(name.padEnd(9));
    try {
      const report = await phases[name](args);
      if (report) console.log(report);
      times.push(`${name} ${secondsSince(start)}`);
    } catch (error) {
      if (!error.output) throw error; // Not a child's failure but a bug in this file.
      console.log(error.output.length > 0 ? `failed\n${Buffer.concat(error.output)}` : "");
      return fail(`${command} stopped in ${name}: ${error.message}`, error.code);
    }
  }
}

await main(process.argv.slice(2));
