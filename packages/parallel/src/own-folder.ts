// Where this library's own files are: src/, or dist/ once built. In a file at the top, as dist/ has no rooms.

export const ownFolder = new URL(".", import.meta.url).href;

/** The file of the Piscina task, once built. */
export const workerUrl = new URL("./worker.js", import.meta.url);
