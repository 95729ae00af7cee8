// Where the file of the Piscina task is: beside this one, once built.
export const workerUrl = new URL("./worker.js", import.meta.url);
