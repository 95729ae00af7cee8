// shardgrad: everything in one import. Core, data and the trainer are packages of their own; this one adds what shows
// and uses results.

export * from "@shardgrad/core";
export * from "@shardgrad/data";
export * from "@shardgrad/parallel";
