// Both sides of the protocol against each other, with made-up contenders.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { ContenderProcess } from "./contender-process.ts";

const serveUrl = new URL("./contenders/serve.ts", import.meta.url).href;
const limitMs = 30_000;
const run = { command: "run", warm: 1, steps: 2 } as const;

const programOf = (body: string) => `import { serve } from ${JSON.stringify(serveUrl)};\n${body}`;
const argsOf = (body: string) => ["--input-type=module", "--eval", programOf(body)];

const started: ContenderProcess[] = [];
afterEach(() => Promise.all(started.splice(0).map((contender) => contender.end())));

function contender(body: string): ContenderProcess {
  const process_ = new ContenderProcess({ command: process.execPath, args: argsOf(body) });
  started.push(process_);
  return process_;
}

it("asks and is answered, whatever else the child prints", async () => {
  const child = contender(`
    console.log("Hello from a library");
    process.stdout.write("{ not ours }\\n");
    serve({ prepare: async () => ({}), run: async ({ steps }) => { console.log("{}"); return { ms: 4, steps }; } });
    console.log("{}");`);
  const answer = await child.ask<{ ms: number; steps: number }>(run, limitMs);
  expect(answer).toMatchObject({ ms: 4, steps: 2 });
  expect(answer.peakMemoryBytes).toBeGreaterThan(2 ** 20);
  expect(answer.idleShare).toBeGreaterThanOrEqual(0);
});

it("passes on why a child cannot", async () => {
  const child = contender(`serve({ run: async () => { throw new Error("no kernel for this"); } });`);
  await expect(child.ask(run, limitMs)).rejects.toThrow(/^no kernel for this$/);
});

it("tells how a child ended, and what it said last", async () => {
  const child = contender(`serve({ run: async () => { console.error("out of luck"); process.exit(3); } });`);
  await expect(child.ask(run, limitMs)).rejects.toThrow(/^ended \(exit code 3\) out of luck$/);
  // Also from then on.
  await expect(child.ask(run, limitMs)).rejects.toThrow("exit code 3");
});

it("does not wait for ever", async () => {
  const child = contender(`serve({ run: () => new Promise(() => {}) });`);
  await expect(child.ask(run, 0)).rejects.toThrow(/^run took longer than 0 s$/);
});

it("tells that there is no such program", async () => {
  const child = new ContenderProcess({ command: "/no/such/python", args: [] });
  await expect(child.ask(run, limitMs)).rejects.toThrow(/^cannot start: .*ENOENT/);
});

it("a child ends with its standard input, also while it has work to do", async () => {
  const body = `serve({ run: () => { console.error("busy"); return new Promise(() => setInterval(() => {}, 9)); } });`;
  const child = spawn(process.execPath, argsOf(body));
  child.stdin.write(`${JSON.stringify(run)}\n`);
  await once(child.stderr, "data");
  child.stdin.end();
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});
