// @shardgrad/mpi: the public API. @shardgrad/parallel loads it when a launcher has started the process.
export { MpiError } from "./errors.ts";
export { openTransport } from "./open-transport.ts";
