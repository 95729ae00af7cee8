// Warnings of Node.js and of the library that the command replaces with its own line.

const saidOtherwise = /^Failed to load the ES module/;

/** Replaces them for the rest of the process. */
export function leaveOutWarnings(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (saidOtherwise.test(warning.message)) return;
    if (warning.name === "CheckpointWarning") {
      process.stderr.write(`${warning.message}\n`);
      return;
    }
    for (const listener of listeners) listener(warning);
  });
}
