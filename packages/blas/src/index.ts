// @shardgrad/blas: everything that is public.
export { BlasError } from "./errors.ts";
export { type Blas, type BlasOptions, findBlas } from "./find-blas.ts";
export { useBlas } from "./use-blas.ts";
