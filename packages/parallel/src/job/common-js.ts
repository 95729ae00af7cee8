// Explains the error of a file that uses ES module syntax while package.json makes it CommonJS, as `npm init` does.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package.json that decides the module type of a folder. */
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

/** Returns the explanation if the syntax error at this URL comes from an ES module loaded as CommonJS. */
export function describeCommonJS({ name, message }: Error, url: string): string | undefined {
  if (name !== "SyntaxError" || !url.startsWith("file:")) return undefined;
  if (!/\b(import|export|await)\b/.test(message)) return undefined;
  const path = fileURLToPath(url);
  const [, stem, extension] = /^(.*)\.([jt]s)$/.exec(basename(path)) ?? [];
  if (extension === undefined) return undefined;
  const packageFile = packageFileOf(dirname(path));
  // Without a type, Node.js detects the syntax.
  if (packageFile === undefined || typeIn(packageFile) !== "commonjs") return undefined;
  return `${packageFile} says "type": "commonjs", but it is an ES module (${message}); rename it to ${stem}.m${extension}, or write "type": "module" there`;
}
