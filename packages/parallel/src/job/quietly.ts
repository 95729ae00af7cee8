// Calls of a job's functions that are no part of the training, only to find something out.

/** Does `body` without a word on standard output or error, and without ending the process. */
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
