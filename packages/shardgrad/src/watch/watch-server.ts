// The option `watch`: the page of a run, live, for this machine only. It answers GET requests on the loopback interface,
// and only those that know a random token; it changes nothing. It has no timers: what is new goes out when the run
// reports progress, at most once a second, and never waits for a reader. It keeps no process alive.
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { JobError } from "@shardgrad/parallel";
import type { Onlooker } from "@shardgrad/parallel/command";
import { describeThrown } from "@shardgrad/parallel/command";
import { pageHtml } from "../report/page-html.ts";
import { readPageParts } from "../report/page-parts.ts";
import type { RunStory } from "../report/run-story.ts";

const host = "127.0.0.1";
/** Milliseconds between two updates. */
const everyMs = 1000;
/** The most pages that are open at once. */
const mostReaders = 16;

const headers = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

const policy = (nonce: string) =>
  `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export class WatchServer implements Onlooker {
  readonly #port: number;
  readonly #story: RunStory;
  readonly #token = randomBytes(18).toString("base64url");
  readonly #readers = new Set<ServerResponse>();
  #server: Server | undefined;
  #parts: ReturnType<typeof readPageParts> | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;

  /** @param port 0 for a free one */
  constructor(port: number, story: RunStory) {
    this.#port = port;
    this.#story = story;
  }

  async begin(): Promise<void> {
    this.#parts = readPageParts();
    const server = createServer((request, response) => this.#answer(request, response));
    server.on("connection", (socket) => socket.unref());
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => reject(this.#refusal(error)));
      server.listen(this.#port, host, () => resolve());
    });
    server.unref();
    this.#server = server;
    process.stderr.write(`watch it at ${this.address}\n`);
  }

  /** Where the page is. */
  get address(): string {
    const { port } = this.#server!.address() as AddressInfo;
    return `http://${host}:${port}/${this.#token}/`;
  }

  event(): void {
    const nowMs = performance.now();
    if (this.#readers.size === 0 || nowMs - this.#toldMs < everyMs) return;
    this.#toldMs = nowMs;
    this.#tellAll();
  }

  end(): void {
    this.#tellAll();
    for (const reader of this.#readers) reader.end();
    this.#server?.close();
    this.#server?.closeIdleConnections();
  }

  #refusal(error: NodeJS.ErrnoException): JobError {
    const taken = error.code === "EADDRINUSE";
    return new JobError(
      taken
        ? `train: watch: port ${this.#port} is taken; name another one, or none, and a free one is found`
        : `train: watch: cannot listen on ${host}:${this.#port}: ${describeThrown(error)}; name another port, or none`,
      { cause: error },
    );
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { port } = this.#server!.address() as AddressInfo;
    const own = [`${host}:${port}`, `localhost:${port}`];
    const { host: asked = "", origin } = request.headers;
    const [, token = "", ...rest] = (request.url ?? "").split("/");
    const path = rest.join("/");
    // Another page in the same browser may try, also under a name that it lets point here.
    if (!own.includes(asked) || (origin !== undefined && origin !== `http://${asked}`))
      refuse(response, 403, "only pages of this server may ask");
    else if (request.method !== "GET") refuse(response, 405, "this server only answers GET");
    else if (!this.#knows(token)) refuse(response, 404, "there is nothing here; the address has a token");
    else if (path === "") this.#page(response);
    else if (path === "events") this.#listen(response);
    else refuse(response, 404, "there is nothing here");
  }

  #knows(token: string): boolean {
    const [given, own] = [Buffer.from(token), Buffer.from(this.#token)];
    return given.length === own.length && timingSafeEqual(given, own);
  }

  #page(response: ServerResponse): void {
    const nonce = randomBytes(16).toString("base64");
    const page = pageHtml(this.#story.job, this.#story.data, { ...this.#parts!, nonce, events: "events" });
    response.writeHead(200, {
      ...headers,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy(nonce),
    });
    response.end(page);
  }

  #listen(response: ServerResponse): void {
    if (this.#readers.size >= mostReaders) {
      refuse(response, 503, `${mostReaders} pages are open already`);
      return;
    }
    response.writeHead(200, { ...headers, "content-type": "text/event-stream" });
    this.#readers.add(response);
    response.on("close", () => this.#readers.delete(response));
    this.#tell(response, this.#message());
  }

  /** Encoded once for all readers. */
  #message(): Buffer | undefined {
    const { data } = this.#story;
    return data && Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
  }

  #tellAll(): void {
    if (this.#readers.size === 0) return;
    const message = this.#message();
    for (const reader of this.#readers) this.#tell(reader, message);
  }

  #tell(reader: ServerResponse, message: Buffer | undefined): void {
    // One that reads too slowly misses some; the next message has everything.
    if (message !== undefined && (!reader.writableNeedDrain || this.#story.isOver)) reader.write(message);
  }
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8" });
  response.end(`${reason}\n`);
}
