#!/usr/bin/env node
// Looks at the Node.js version before anything that an old one could not even read is loaded.
import process from "node:process";

try {
  await import("@shardgrad/parallel/node-version");
} catch (error) {
  console.error(`shardgrad: ${error.message}`);
  process.exit(2);
}
const nodeModule = await import("node:module");
// Deno has none: it caches by itself.
nodeModule.enableCompileCache?.();
await import("../dist/cli.js");
