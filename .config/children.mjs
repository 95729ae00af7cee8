// Runs other programs for bootstrap.mjs: their Node.js, their output, their signals, and how their failure is reported.
// Knows nothing of the phases.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, delimiter, join } from "node:path";

/** The Node.js that package.json pins, called directly, without any shim. */
export const pinnedNode = join("node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node");

const children = new Set();
const pathName = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
const bin = (folder) => join(process.cwd(), folder, "node_modules/.bin");

/** Resolves when the program exits with 0; otherwise rejects with `what`, an exit code and the output. */
function run(what, command, args, { folder = ".", path = [bin(folder), bin(".")], env, ...options }) {
  // npm has put our own bin first; an empty path selects the machine's Node.js.
  const machinePath = (process.env[pathName] ?? "").split(delimiter).filter((entry) => entry !== bin("."));
  return new Promise((resolve, reject) => {
    const fullEnv = { ...process.env, ...env, [pathName]: [...path, ...machinePath].join(delimiter) };
    const child = spawn(command, args, { ...options, cwd: folder, env: fullEnv });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(chunk));
    children.add(child);
    child.on("error", reject).on("close", (status, signal) => {
      children.delete(child);
      if (status === 0) return resolve();
      const code = status ?? 128 + constants.signals[signal];
      const asked = code === 130 || code === 143; // It exited by itself, as SIGINT or SIGTERM asked.
      const how = signal ? `ended by ${signal}` : asked ? "interrupted" : `failed (exit code ${code})`;
      reject(Object.assign(new Error(`${what} ${how}`), { code, output }));
    });
  });
}

/** One of our programs with the terminal to itself, on the pinned Node.js. */
export const show = (what, args) => run(what, pinnedNode, args, { stdio: "inherit" });

/** A command line, as in a package.json. Its output is shown only if it fails. */
export const keep = (what, line, options) =>
  run(what, line, [], { ...options, shell: true, stdio: ["ignore", "pipe", "pipe"] });

/** A script of a folder's package.json, on the pinned Node.js. */
export function script(name, folder = ".") {
  const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const what = folder === "." ? name : `${name} of ${basename(folder)}`;
  return keep(what, scripts?.[name] ?? "echo no such script && exit 1", { folder });
}

// The child decides what a signal means and its exit code; this process only outlives it. Ctrl-C in a terminal has
// already reached every child, and a second one would mean "at once".
function signalChildren(signal) {
  for (const child of children) child.kill(signal);
}
process.on("SIGTERM", signalChildren);
process.on("SIGINT", (signal) => process.stdin.isTTY || signalChildren(signal));

// npm sends SIGTERM to the shell between it and us. The shell dies silently and leaves us orphaned.
const parent = process.ppid;
const watch = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(watch);
  signalChildren("SIGTERM");
}, 500).unref();
if (!process.env.npm_lifecycle_event) clearInterval(watch); // Started by hand, it may outlive its shell.
