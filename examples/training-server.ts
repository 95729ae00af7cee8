// A server that trains and then predicts: which species is a penguin? It answers on this machine only.
//
//   node examples/training-server.ts                                            prints its address
//   curl -X POST localhost:8080/runs -d '{"epochs": 20}'                        starts a run: { "run": 1 }
//   curl -N localhost:8080/runs/1/events                                        its events, as they come (server-sent events)
//   curl -X DELETE localhost:8080/runs/1                                        stops it after its current step
//   curl -X POST localhost:8080/runs/1/predict -d @rows.json                    the species of each row, an array of objects
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type { LoadedJob, TrainEvent, TrainingRun, TrainOptions } from "@shardgrad/parallel";
import { load, train } from "@shardgrad/parallel";

const job = new URL("./k-fold.ts", import.meta.url);
const folder = await mkdtemp(join(tmpdir(), "shardgrad-server-"));

interface Entry {
  run: TrainingRun;
  weights: string;
  /** Those so far, for who comes late. */
  events: TrainEvent[];
  listeners: Set<ServerResponse>;
  error?: string;
  model?: Promise<LoadedJob>;
}
const entries = new Map<number, Entry>();

function start(options: TrainOptions): number {
  const number = entries.size + 1;
  const weights = join(folder, `${number}.safetensors`);
  const entry: Entry = {
    run: train(job, { ...options, out: weights }),
    weights,
    events: [],
    listeners: new Set(),
  };
  entries.set(number, entry);
  void follow(entry);
  return number;
}

/** Passes on the events of a run until it ends. */
async function follow(entry: Entry): Promise<void> {
  try {
    for await (const event of entry.run) {
      entry.events.push(event);
      for (const listener of entry.listeners) send(listener, event);
    }
  } catch (error) {
    entry.error = String(error);
  }
  for (const listener of entry.listeners) close(listener, entry);
  entry.listeners.clear();
}

const send = (response: ServerResponse, event: TrainEvent) =>
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);

function close(response: ServerResponse, { error }: Entry): void {
  if (error !== undefined) response.write(`event: failed\ndata: ${JSON.stringify({ error })}\n\n`);
  response.end();
}

const isOver = ({ events, error }: Entry) => error !== undefined || events.at(-1)?.type === "end";

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, body: object) =>
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  const [, collection, number, part] = new URL(request.url ?? "", "http://localhost").pathname.split("/");
  const asked = `${request.method} ${part ?? ""}`.trim();
  if (collection === "runs" && number === undefined && asked === "POST") {
    // Only what a stranger may choose.
    const { epochs, workers, seed } = (await json(request)) as TrainOptions;
    return void reply(201, { run: start(JSON.parse(JSON.stringify({ epochs, workers, seed }))) });
  }
  const entry = collection === "runs" ? entries.get(Number(number)) : undefined;
  if (!entry) return void reply(404, { error: "there is no such run" });
  if (asked === "GET events") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    for (const event of entry.events) send(response, event);
    if (isOver(entry)) return close(response, entry);
    entry.listeners.add(response);
    return void response.on("close", () => entry.listeners.delete(response));
  }
  if (asked === "DELETE") {
    entry.run.stop();
    return void reply(202, { stopping: true });
  }
  if (asked === "POST predict") {
    if (!isOver(entry)) return void reply(409, { error: "the run has not ended yet" });
    entry.model ??= load(job, entry.weights);
    const { predict } = await entry.model;
    return void reply(200, predict((await json(request)) as object[]));
  }
  reply(405, { error: `${request.method} does not go here` });
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: Error) => {
    if (!response.headersSent) response.writeHead(400, { "content-type": "application/json" });
    response.end(`${JSON.stringify({ error: error.message })}\n`);
  });
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening on http://localhost:${typeof address === "object" ? address?.port : address}`);
});

/** Ends with the process: runs stop after their step, and their files go. */
async function stop(): Promise<void> {
  server.close();
  server.closeAllConnections();
  for (const { run } of entries.values()) run.stop();
  await Promise.allSettled([...entries.values()].map(({ run }) => run));
  await rm(folder, { recursive: true });
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
