// Modules that are written as ES modules, and that package.json makes CommonJS, as that of `npm init` does: what to write.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package.json that says what the modules of a folder are. */
function packageFileOf(folder: string): string | undefined {
  const file = join(folder, "package.json");
  if (existsSync(file)) return file;
  const parent = dirname(folder);
  return parent === folder ? undefined : packageFileOf(parent);
}

function typeIn(packageFile: string): unknown {
  try {
    return (JSON.parse(readFileSync(packageFile, "utf8")) as { type?: unknown }).type;
  } catch {
    return undefined;
  }
}

/** What is wrong with the module of this URL, if its syntax error is that of an ES module which is taken for CommonJS. */
export function describeCommonJS({ name, message }: Error, url: string): string | undefined {
  if (name !== "SyntaxError" || !url.startsWith("file:")) return undefined;
  if (!/\b(import|export|await)\b/.test(message)) return undefined;
  const path = fileURLToPath(url);
  const [, stem, extension] = /^(.*)\.([jt]s)$/.exec(basename(path)) ?? [];
  if (extension === undefined) return undefined;
  const packageFile = packageFileOf(dirname(path));
  // Without a type, Node.js looks at the module itself.
  if (packageFile === undefined || typeIn(packageFile) !== "commonjs") return undefined;
  return `${packageFile} says "type": "commonjs", but it is an ES module (${message}); rename it to ${stem}.m${extension}, or write "type": "module" there`;
}
