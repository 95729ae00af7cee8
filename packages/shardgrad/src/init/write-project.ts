// Writes the files of a new project into a folder. Never changes a file that is there.
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { JobError } from "@shardgrad/parallel";
import { requireWritableFolder } from "@shardgrad/parallel/command";

/** What was written, and what is needed next. */
export interface Written {
  /** The path of the job. */
  job: string;
  /** The paths of all new files. */
  files: string[];
  /** What must be installed first; undefined if the folder finds the package already. */
  needs?: string;
}

/** The folder, the one that it is in, and so on. */
function foldersFrom(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersFrom(above)];
}

/** The package.json that decides for this folder, if there is one. */
function packageAbove(folder: string): { type?: unknown } | undefined {
  for (const at of foldersFrom(folder)) {
    try {
      return JSON.parse(readFileSync(join(at, "package.json"), "utf8"));
    } catch {
      // Perhaps there is one further up.
    }
  }
  return undefined;
}

/** As an import finds it. `require.resolve` would also look into NODE_PATH, which the command's own script sets. */
const findsShardgrad = (folder: string): boolean =>
  foldersFrom(folder).some((at) => existsSync(join(at, "node_modules/shardgrad/package.json")));

/** The folder of this package, seen from the folder of its command. */
const ownFolder = fileURLToPath(new URL("..", import.meta.url));

/** Where npm finds this package: in the registry if it came from there, else in the clone that runs it. */
function sourceOf(folder: string, version: string): string {
  if (ownFolder.split(sep).includes("node_modules")) return `^${version}`;
  return `file:${relative(folder, ownFolder).split(sep).join("/")}`;
}

/** With the types that tsconfig.json asks for. */
const packageText = (shardgrad: string | undefined) =>
  `${JSON.stringify(
    {
      private: true,
      type: "module",
      ...(shardgrad !== undefined && {
        dependencies: { shardgrad },
        devDependencies: { "@types/node": "^26.6.6", typescript: "^6.0.3" },
      }),
    },
    null,
    2,
  )}\n`;

const tsconfigText = `${JSON.stringify(
  {
    compilerOptions: {
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      module: "nodenext",
      types: ["node"],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
    },
  },
  null,
  2,
)}\n`;

/**
 * Writes the job; tsconfig.json if the folder has none; and package.json if it has none and needs it: to find this package,
 * or for Node.js to take the job as a module.
 *
 * @param version of this package
 * @throws JobError if there is a job already
 */
export async function writeProject(folder: string, jobText: string, version: string): Promise<Written> {
  const hasPackage = existsSync(join(folder, "package.json"));
  // Without "type": "module", Node.js takes .ts for CommonJS, or has to guess.
  const inModule = packageAbove(folder)?.type === "module";
  const needs = findsShardgrad(folder) ? undefined : sourceOf(folder, version);
  const bringsPackage = !hasPackage && !(inModule && needs === undefined);
  const isModule = inModule || bringsPackage;
  const job = join(folder, isModule ? "job.ts" : "job.mts");
  const taken = ["job.ts", "job.mts"].map((name) => join(folder, name)).find((path) => existsSync(path));
  if (taken !== undefined) {
    throw new JobError(`init: ${taken} is there already, and stays as it is; name another folder`);
  }
  const files = [
    [job, jobText],
    ...(bringsPackage ? [[join(folder, "package.json"), packageText(needs)] as const] : []),
    [join(folder, "tsconfig.json"), tsconfigText],
  ] as const;
  const written: string[] = [];
  await requireWritableFolder(`init: cannot write in ${folder}`, folder);
  try {
    await mkdir(folder, { recursive: true });
    for (const [path, text] of files) {
      if (existsSync(path)) continue;
      await writeFile(path, text, { flag: "wx" });
      written.push(path);
    }
  } catch (error) {
    throw new JobError(`init: cannot write in ${folder}: ${(error as Error).message}`, { cause: error });
  }
  return { job, files: written, ...(needs !== undefined && { needs }) };
}
