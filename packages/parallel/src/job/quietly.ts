// Calls a job's functions only to find something out, outside of the training.

/** Runs `body`; it cannot write to standard output or error, nor end the process. */
export function quietly<T>(body: () => T): T {
  const { stdout, stderr, exit } = process;
  const writes = [stdout, stderr].map((output) => ({ output, write: output.write }));
  for (const { output } of writes) output.write = () => true;
  process.exit = () => {
    throw new Error("process.exit");
  };
  try {
    return body();
  } finally {
    for (const { output, write } of writes) output.write = write;
    process.exit = exit;
  }
}
