// Imported first: says in one line that Node.js is too old, before a missing feature fails. So this package must not
// import new features by name: a missing name is an error before anything runs.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const oldest = { major: 22, minor: 18 };

/** That of the clone that this package lies in, if it does. */
function ofClone(): string {
  if (import.meta.url === undefined) return "";
  const folder = fileURLToPath(new URL("../../../node_modules/.bin", import.meta.url));
  return existsSync(`${folder}/node`) ? `, or take the clone's: PATH="${folder}:$PATH"` : "";
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
  const error = new Error(
    `@shardgrad/parallel needs Node.js ${oldest.major}.${oldest.minor} or newer, and this is ${process.versions.node}; install a newer one, such as from https://nodejs.org${ofClone()}`,
  );
  // The stack would tell nothing.
  error.stack = `Error: ${error.message}`;
  throw error;
}
