// Who writes to standard output and standard error. The command's own lines go there directly; what a job prints by itself,
// through console or process.stdout, may have to go elsewhere meanwhile. What native code or fs.writeSync(1) writes does not
// pass here.

type Write = NodeJS.WriteStream["write"];

/** The same stream, whose `write` stays what it is now. */
export function directly(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return Object.create(stream, { write: { value: stream.write.bind(stream) } }) as NodeJS.WriteStream;
}

/** Everything that others write to `stream` goes to `write` instead, until the function that is returned is called. */
export function divert(stream: NodeJS.WriteStream, write: Write): () => void {
  const own = stream.write;
  stream.write = write;
  return () => {
    stream.write = own;
  };
}

/** A `write` that gives whole lines to `take`, without their ends; `flush` gives it the rest. */
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

/** Resolves when all that was written to the stream before is out, or can never be. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

/** How long a process may take to end by itself when the command has done its work. */
const graceMs = 1000;

/**
 * Lets the process end, when all output is out: by itself, or, if a job left something open that would keep it alive for ever
 * (a timer, a connection), a second later.
 */
export async function letProcessEnd(): Promise<void> {
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  setTimeout(() => process.exit(), graceMs).unref();
}
