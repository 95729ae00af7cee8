// @shardgrad/blas: the public API.
export { BlasError } from "./errors.ts";
export { type Blas, type BlasOptions, findBlas } from "./find-blas.ts";
export { useBlas } from "./use-blas.ts";
