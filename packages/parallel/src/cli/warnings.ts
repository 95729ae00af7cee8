// Warnings of Node.js that say in two lines what the command says better in its own.

const saidOtherwise = /^Failed to load the ES module/;

/** Leaves them out, for the rest of the process. */
export function leaveOutWarnings(): void {
  const listeners = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (saidOtherwise.test(warning.message)) return;
    for (const listener of listeners) listener(warning);
  });
}
