// Damages the machine code before it is installed, as a faulty disk would: `node --import file:///…/damage.ts program`. One
// bit of a constant changes, that by which kernels make powers of e to powers of 2.
import { syncBuiltinESMExports } from "node:module";
import zlib from "node:zlib";

const copies = Buffer.from(new Float32Array(4).fill(Math.LOG2E).buffer);
const { inflateRawSync } = zlib;
zlib.inflateRawSync = (...args) => {
  const code = inflateRawSync(...args);
  const at = code.indexOf(copies);
  if (at >= 0) for (let i = 0; i < copies.length; i += 4) code[at + i + 3]! ^= 0x01;
  return code;
};
syncBuiltinESMExports();
