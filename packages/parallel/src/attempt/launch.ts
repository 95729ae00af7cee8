// What workers start with, captured when `train` is called. Later changes by the script reach no thread.

export interface Launch {
  jobUrl: string;
  /** The file of the Piscina task. */
  workerUrl: URL;
  /** The `process.argv` and `process.env` of the workers. */
  argv: readonly string[];
  env: Readonly<NodeJS.ProcessEnv>;
}

/** A launch with the process's current arguments and environment. */
export function launchNow(jobUrl: string, workerUrl: URL): Launch {
  return { jobUrl, workerUrl, argv: [...process.argv], env: { ...process.env } };
}
