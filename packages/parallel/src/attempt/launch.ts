// What a run is started with, taken when `train` is called: what the script changes afterwards reaches no thread.

export interface Launch {
  jobUrl: string;
  /** The file of the Piscina task. */
  workerUrl: URL;
  /** What workers have as `process.argv` and `process.env`. */
  argv: readonly string[];
  env: Readonly<NodeJS.ProcessEnv>;
}

/** A launch with the arguments and the environment that the process has now. */
export function launchNow(jobUrl: string, workerUrl: URL): Launch {
  return { jobUrl, workerUrl, argv: [...process.argv], env: { ...process.env } };
}
