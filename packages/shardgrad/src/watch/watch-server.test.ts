// The option watch: a live page for this machine, which only those see who have its address, and which changes nothing.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { get, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import type { TrainingRun } from "@shardgrad/parallel";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RunData } from "../report/run-data.ts";
import { train } from "../train.ts";
import type { TrainOptions } from "../watch-options.ts";

const clusters = new URL("../../../../test/jobs/clusters.ts", import.meta.url);

let run: TrainingRun | undefined;
afterEach(async () => {
  run?.stop();
  await run?.catch(() => undefined);
});

/** Starts a run that goes on until it is stopped; returns the address of its page. */
async function watched(options: TrainOptions = {}): Promise<URL> {
  const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    run = train(clusters, { workers: 1, epochs: 100_000, watch: true, ...options });
    await new Promise<void>((resolve, reject) => {
      run!.on("start", () => resolve());
      run!.catch(reject);
    });
    const line = said.mock.calls
      .map(([text]) => String(text))
      .find((text) => text.startsWith("watch it at "));
    return new URL(line!.slice("watch it at ".length).trim());
  } finally {
    said.mockRestore();
  }
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

function ask(url: URL, { method = "GET", headers = {} } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method, headers }, async (response) => {
      let body = "";
      for await (const part of response.setEncoding("utf8")) body += part;
      resolve({ status: response.statusCode!, headers: response.headers, body });
    });
    asking.on("error", reject).end();
  });
}

describe("the address", () => {
  it("is on the loopback interface, has a token, and gives the page to nobody else", async () => {
    const url = await watched();
    expect(url.href).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{24}\/$/);
    const page = await ask(url);
    expect(page.status).toBe(200);
    expect(page.body).toContain('<main id="page">');
    const policy = String(page.headers["content-security-policy"]);
    const nonce = policy.match(/script-src 'nonce-([^']+)'/)![1]!;
    expect(policy).toMatch(/^default-src 'none'; .*connect-src 'self'; .*frame-ancestors 'none'$/);
    expect(page.body.match(/<(?:script|style)/g)).toHaveLength(3);
    expect(page.body.split(` nonce="${nonce}"`)).toHaveLength(3 + 1);
    const other = (path: string) => ask(new URL(path, url.origin));
    for (const path of ["/", "/events", `/${"x".repeat(24)}/`, `${url.pathname}more`])
      expect((await other(path)).status).toBe(404);
    for (const method of ["POST", "PUT", "DELETE", "HEAD"])
      expect((await ask(url, { method })).status).toBe(405);
    // A page of another server, also one under a name that points here.
    const foreign = [
      { origin: "http://example.com" },
      { host: "example.com" },
      { host: `example.com:${url.port}` },
    ];
    for (const headers of foreign) expect((await ask(url, { headers })).status).toBe(403);
  });

  it("of a port that is taken is one line, before the run begins", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    await expect(train(clusters, { steps: 1, watch: port })).rejects.toThrow(
      `train: watch: port ${port} is taken; name another one, or none, and a free one is found`,
    );
    taken.close();
    await expect(train(clusters, { steps: 1, watch: 70_000 })).rejects.toThrow(
      "train: watch is 70000, expected true, or a port from 1 to 65535",
    );
  });
});

it("what is new comes as events, and the last one when the run ends; then the server is gone", async () => {
  const url = await watched();
  const [response] = await once(get(new URL("events", url)), "response");
  expect(response.headers["content-type"]).toBe("text/event-stream");
  const told: RunData[] = [];
  let rest = "";
  for await (const part of response.setEncoding("utf8")) {
    const messages = (rest + part).split("\n\n");
    rest = messages.pop()!;
    for (const message of messages) told.push(JSON.parse(message.replace(/^data: /, "")));
    if (told.at(-1)!.step > 20) run!.stop();
  }
  expect(told[0]!.state).toBe("training");
  expect(told.at(-1)).toMatchObject({ state: "stopped", step: (await run!).steps });
  await expect(ask(url)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/);
});

it("a reader that stays open does not keep the process alive", () => {
  const source = new URL("../../dist/index.js", import.meta.url).href;
  const program = `
    import { get } from "node:http";
    import { train } from ${JSON.stringify(source)};
    const own = process.stderr.write.bind(process.stderr);
    process.stderr.write = (text) => {
      const url = /watch it at (\\S+)/.exec(text)?.[1];
      if (url) get(url + "events", () => {});
      return own(text);
    };
    await train(${JSON.stringify(clusters.href)}, { workers: 1, epochs: 1, watch: true });
    console.log("ended");`;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect([status, stdout]).toEqual([0, "ended\n"]);
});
