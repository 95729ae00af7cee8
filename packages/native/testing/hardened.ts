// Installs code in a process that restrict.ts has restricted: prints what the code returns, or why there is none.
import koffi from "koffi";
import { Asm } from "../src/assembler/asm.ts";
import { rax } from "../src/assembler/operands.ts";
import { installCode } from "../src/code/executable-memory.ts";

const asm = new Asm();
asm.movi(rax, 42);
asm.ret();
try {
  const code = installCode(asm.finish());
  console.log(koffi.decode(BigInt(code), koffi.proto("int", []))());
} catch (error) {
  console.log(`${(error as Error).name}: ${(error as Error).message}`);
}
