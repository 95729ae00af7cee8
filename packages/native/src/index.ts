// @shardgrad/native: the public API.
export { NativeError } from "./errors.ts";
export { findNative, type Native, type NativeCode, type NativeOptions } from "./find-native.ts";
export { useNative } from "./use-native.ts";
