#!/usr/bin/env node
// Looks at the Node.js version before anything that an old one could not even read is loaded.
import process from "node:process";

try {
  await import("@shardgrad/parallel/node-version");
} catch (error) {
  console.error(`shardgrad: ${error.message}`);
  process.exit(2);
}
const { enableCompileCache } = await import("node:module");
enableCompileCache();
await import("../dist/cli.js");
