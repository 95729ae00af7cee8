// @shardgrad/native: the public API.
export { Asm } from "./assembler/asm.ts";
