// shardgrad: everything in one import. Core, data and the trainer are packages of their own; this one adds what shows
// and uses results.

export * from "@shardgrad/core";
export * from "@shardgrad/data";
export * from "@shardgrad/parallel";
export { drawGraph } from "./graph/draw.ts";
export type { StepDivision } from "./scale/parts.ts";
export type { ScaleMode, ScaleRow } from "./scale/rows.ts";
export { type ScaleOptions, type ScaleResult, scale } from "./scale/scale.ts";
export type { Spread } from "./scale/statistics.ts";
export type { StepTime } from "./scale/step-time.ts";
export type { SimulateOptions } from "./simulate/options.ts";
export type { MachinesMode, MachinesRow, Simulation } from "./simulate/rows.ts";
export { simulateMachines } from "./simulate/simulate.ts";
// These replace those of @shardgrad/parallel.
export { train } from "./train.ts";
export type { TrainOptions, WatchOptions } from "./watch-options.ts";
