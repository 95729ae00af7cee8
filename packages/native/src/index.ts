// @shardgrad/native: the public API.
export { Asm } from "./assembler/asm.ts";
export { libraries } from "./kernel-code.generated.ts";
