// @shardgrad/parallel/command: what a command over this package needs besides the public API. Not for programs that
// train models: it may change in any version.

export { oneLine } from "./errors.ts";
export { type OptionRow, trainOptions } from "./plan/train-options.ts";
export { requireSurroundings } from "./surroundings.ts";
