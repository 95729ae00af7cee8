// Who writes to standard output and standard error. The command writes its own lines directly. What a job prints
// through console or process.stdout may be redirected. This does not catch the output of native code or
// fs.writeSync(1).
import { wrap } from "../wrap.ts";

type Write = NodeJS.WriteStream["write"];

/** The same stream, bound to its current `write`. */
export function directly(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return Object.create(stream, { write: { value: stream.write.bind(stream) } }) as NodeJS.WriteStream;
}

/** Redirects everything that others write to `stream` to `write`. The returned function ends this. */
export function divert(stream: NodeJS.WriteStream, write: Write): () => void {
  const own = stream.write;
  stream.write = write;
  return () => {
    stream.write = own;
  };
}

/** A `write` that gives `take` whole lines without their ends; `flush` gives it the rest. */
export function lineWriter(take: (line: string) => void): { write: Write; flush: () => void } {
  const decoder = new TextDecoder();
  let rest = "";
  const add = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) take(line);
  };
  const write = (
    chunk: string | Uint8Array,
    encodingOrDone?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ): boolean => {
    add(typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true }));
    const callback = typeof encodingOrDone === "function" ? encodingOrDone : done;
    if (callback) process.nextTick(callback);
    return true;
  };
  const flush = () => {
    if (rest !== "") add("\n");
  };
  return { write: write as Write, flush };
}

/** The width of a stream; a terminal that does not know its own, such as Open MPI's, says 0. */
export const columnsOf = ({ columns }: { readonly columns?: number }, unknown: number): number =>
  columns || unknown;

/** Lines as a stream shows them: a terminal that is narrower would break them within words. */
export function fitted(text: string, stream: NodeJS.WriteStream): string {
  if (!stream.isTTY) return text;
  const lines = text.split("\n").flatMap((line) => wrap(line, columnsOf(stream, 80)));
  return lines.join("\n");
}

/** Resolves when everything written to the stream so far is out, or can never be. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

/** How long a process may take to end by itself after the command's work. */
const graceMs = 1000;

/**
 * Waits for all output, then lets the process end by itself. If the job left a timer or a connection open that would
 * keep it alive forever, ends it after a second.
 */
export async function letProcessEnd(): Promise<void> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  setTimeout(() => process.exit(), graceMs).unref();
}
