// Entry of the WebAssembly kernels. Each file holds one family; signatures are those of src/kernels/table.ts.
export * from "./elementwise";
export * from "./gemm";
export * from "./indexed";
export * from "./losses";
export * from "./optimizers";
export * from "./reduce";
export * from "./training";
