// The bench's side of the protocol: a contender as a child process. No child outlives the bench: a child ends when its
// standard input ends, and the bench kills it, with all that it started, on exit.
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Answer, Command, Vitals } from "./protocol.ts";

/** How to start a contender. */
export interface Launch {
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** Why a contender cannot continue; the message goes into a row of the table. */
export class ContenderError extends Error {
  override name = "ContenderError";
}

const ownGroup = process.platform !== "win32";
const running = new Set<ChildProcessWithoutNullStreams>();

function killTree(child: ChildProcessWithoutNullStreams): void {
  running.delete(child);
  try {
    // The child leads its own process group, which includes the ranks that it starts.
    if (ownGroup) process.kill(-child.pid!, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}

process.on("exit", () => {
  for (const child of running) killTree(child);
});

/** The last line that a child wrote to standard error, which names the error. */
function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
}

export class ContenderProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<never>;
  #errors = "";
  #answered: (line: string) => void = () => undefined;

  constructor({ command, args, env }: Launch) {
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, detached: ownGroup });
    running.add(this.#child);
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      // Libraries may print here before the child takes over the stream.
      if (/^\{"ok": ?(true|false),/.test(line)) this.#answered(line);
    });
    // A child that dies in the middle of a command closes the pipe; its exit says more than EPIPE.
    this.#child.stdin.on("error", () => undefined);
    this.#ended = new Promise((_, reject) => {
      this.#child.on("error", (error) => reject(new ContenderError(`cannot start: ${error.message}`)));
      this.#child.on("close", (code, signal) => {
        running.delete(this.#child);
        reject(new ContenderError(`ended (${signal ?? `exit code ${code}`}) ${lastLine(this.#errors)}`));
      });
    });
    this.#ended.catch(() => undefined);
  }

  /** Ends it, and all that it started. */
  async end(): Promise<void> {
    killTree(this.#child);
    await this.#ended.catch(() => undefined);
  }

  /** @throws ContenderError if it answers with a reason, ends, or exceeds the time limit */
  async ask<T>(command: Command, limitMs: number): Promise<T & Vitals> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `${command.command} took longer than ${Math.round(limitMs / 1000)} s`;
      timer = setTimeout(() => reject(new ContenderError(message)), limitMs);
    });
    const line = new Promise<string>((resolve) => {
      this.#answered = resolve;
    });
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    try {
      const answer = JSON.parse(await Promise.race([line, late, this.#ended])) as Answer<T>;
      if (answer.ok) return answer;
      throw new ContenderError(answer.reason);
    } finally {
      clearTimeout(timer);
    }
  }
}
