// The folder of this library's own files: src/, or dist/ once built. This file is at the top because dist/ has no
// rooms.

export const ownFolder = new URL(".", import.meta.url).href;

/** The file of the Piscina task, once built. */
export const workerUrl = new URL("./worker.js", import.meta.url);
