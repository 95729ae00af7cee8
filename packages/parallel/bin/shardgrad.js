#!/usr/bin/env node
// Looks at the Node.js version before anything that an old one could not even read is loaded.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  await import("../dist/cli.js");
} else {
  console.error(`shardgrad: needs Node.js 22.18 or newer; this is ${process.version}`);
  process.exitCode = 2;
}
