// Entry of the WebAssembly kernels. Each file holds one family; signatures are those of src/kernels/table.ts.
// Decorators such as @inline stand on functions, which AssemblyScript takes and TypeScript does not: hence the
// `@ts-ignore: decorator` above each, the language's own idiom, which keeps editors quiet and silences nothing else.
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
