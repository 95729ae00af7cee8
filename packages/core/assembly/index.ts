// Entry of the WebAssembly kernels. Each file holds one family; signatures are those of src/kernels/table.ts.
export * from "./columns";
export * from "./convolution";
export * from "./elementwise";
export * from "./gemm";
export * from "./indexed";
export * from "./pooling";
export * from "./reduce";
export * from "./training";
