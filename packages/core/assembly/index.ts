// Entry of the WebAssembly kernels. Each file holds one family; src/kernels/table.ts has the signatures. AssemblyScript
// allows decorators such as @inline on functions, TypeScript does not. The language's usual `@ts-ignore: decorator`
// above each only keeps editors quiet.
export * from "./activations";
export * from "./attention";
export * from "./channels";
export * from "./columns";
export * from "./convolution";
export * from "./elementwise";
export * from "./gemm";
export * from "./indexed";
export * from "./losses";
export * from "./move";
export * from "./norm";
export * from "./optimizers";
export * from "./pooling";
export * from "./random";
export * from "./recurrent";
export * from "./reduce";
export { scratchBytes, setScratch } from "./scratch";
export * from "./softmax";
export * from "./spread";
export * from "./training";
