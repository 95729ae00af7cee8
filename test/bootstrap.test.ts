// What `npm start` and `npm run build` build, and when, in a clone whose packages only note that they are built.
import { execFile } from "node:child_process";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const packages = ["core", "blas", "native", "parallel", "mpi", "data", "shardgrad"];

/** Stands for a build: makes all files that one may make, and notes its package and what it was asked for. */
const make = `
  import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
  mkdirSync("dist", { recursive: true });
  mkdirSync("src/kernels", { recursive: true });
  for (const name of ["index", "engine", "testing", "command", "worker", "cli", "why-browser"])
    writeFileSync("dist/" + name + ".js", "");
  writeFileSync("src/kernels/wasm-modules.generated.ts", "");
  writeFileSync("src/kernel-code.generated.ts", "");
  appendFileSync("../../notes", process.cwd().split("/").at(-1) + " " + process.argv[2] + "\\n");`;

// It needs a stand-in for npx that is a shell script.
describe.skipIf(process.platform === "win32")("in a clone", () => {
  let clone: string;
  const write = async (path: string, text: string, mode = 0o644) => {
    await mkdir(dirname(join(clone, path)), { recursive: true });
    await writeFile(join(clone, path), text, { mode });
  };

  beforeAll(async () => {
    clone = await mkdtemp(join(tmpdir(), "shardgrad-bootstrap-"));
    await mkdir(join(clone, ".config"));
    for (const name of ["bootstrap.mjs", "children.mjs"])
      await copyFile(`${root}.config/${name}`, join(clone, ".config", name));
    await write("package.json", JSON.stringify({ type: "module", devDependencies: { node: "26.0.0" } }));
    for (const name of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "tsconfig.base.json"]) await write(name, "");
    await write("make.mjs", make);
    await write("bin/npx", "#!/bin/sh\n", 0o755);
    await mkdir(join(clone, "node_modules/node/bin"), { recursive: true });
    await symlink(process.execPath, join(clone, "node_modules/node/bin/node"));
    for (const name of packages) {
      const scripts = { build: "node ../../make.mjs all", "build:code": "node ../../make.mjs code" };
      await write(`packages/${name}/package.json`, JSON.stringify({ type: "module", scripts }));
      await write(`packages/${name}/src/index.ts`, "");
      await mkdir(join(clone, `packages/${name}/node_modules`));
    }
    for (const name of ["examples", "test"]) await mkdir(join(clone, name));
    const trains = 'import { appendFileSync } from "node:fs"; appendFileSync("notes", "train\\n");';
    await write("packages/shardgrad/bin/shardgrad.js", trains);
  });
  afterAll(() => rm(clone, { recursive: true }));

  /** What a command of package.json does. */
  async function done(command: string): Promise<string[]> {
    await write("notes", "");
    const path = [join(clone, "bin"), dirname(process.execPath), process.env.PATH].join(":");
    const env = { ...process.env, PATH: path };
    await run(process.execPath, [".config/bootstrap.mjs", command], { cwd: clone, env });
    return (await readFile(join(clone, "notes"), "utf8")).trim().split("\n").filter(Boolean);
  }

  it("what trains needs no types; a whole build is good for it; and what changes is built with all behind it", async () => {
    const all = (how: string, from = 0) => packages.slice(from).map((name) => `${name} ${how}`);
    expect(await done("start")).toEqual([...all("code"), "train"]);
    expect(await done("start")).toEqual(["train"]);
    expect(await done("build")).toEqual(all("all"));
    expect(await done("build")).toEqual([]);
    expect(await done("start")).toEqual(["train"]);
    await appendFile(join(clone, "packages/native/src/index.ts"), "// changed");
    expect(await done("start")).toEqual([...all("code", 2), "train"]);
    expect(await done("build")).toEqual(all("all", 2));
    await rm(join(clone, "packages/mpi/dist/index.js"));
    expect(await done("start")).toEqual(["mpi code", "train"]);
  });

  it("says which library the pinned Node.js lacks, and builds nothing, each time", async () => {
    const node = join(clone, "node_modules/node/bin/node");
    const lacks = "libatomic.so.1: cannot open shared object file: No such file or directory";
    await rm(node);
    await write(
      "node_modules/node/bin/node",
      `#!/bin/sh\necho "node: error while loading shared libraries: ${lacks}" >&2\nexit 127\n`,
      0o755,
    );
    await rm(join(clone, "node_modules/.shardgrad-install"));
    for (const _ of [1, 2]) {
      await expect(done("start")).rejects.toMatchObject({
        code: 127,
        stderr:
          "start stopped in install: Node.js 26.0.0, on which everything runs, failed (exit code 127); install libatomic.so.1: on Debian and Ubuntu, apt-get install libatomic1\n",
      });
      expect(await readFile(join(clone, "notes"), "utf8")).toBe("");
    }
  });
});
