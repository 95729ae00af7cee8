// Turns command-line words into checked values. An invalid word is refused with the list of valid ones.
import { usableCores } from "@shardgrad/parallel/engine";
import { InvalidArgumentError } from "commander";
import { defaultWorkerCounts, parseBandwidth, parseLatency } from "shardgrad/measure";
import type { Who } from "./contenders.ts";
import { everyone } from "./contenders.ts";
import type { ZooModel } from "./zoo.ts";
import { zoo, zooModel } from "./zoo.ts";

/** The options that all commands share. */
export interface OutputOptions {
  rounds: number;
  /** Output files for the rows and the tables. */
  json?: string;
  markdown?: string;
}

export interface ZooOptions extends OutputOptions {
  models: readonly ZooModel[];
  only: readonly Who[];
  workers: readonly number[];
  /** Seconds that one contender may spend on one model. */
  budget: number;
}

const list = (text: string): string[] => [...new Set(text.split(",").map((word) => word.trim()))];

/** An integer of at least 1. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("Expected an integer of at least 1.");
  return Number(text);
}

/** `1,2,4` */
export function parseCounts(text: string): number[] {
  return list(text).map(parseCount);
}

/** Names of contenders. */
export function parseWho(text: string): Who[] {
  return list(text).map((name) => {
    const who = everyone.find((other) => other === name);
    if (who) return who;
    throw new InvalidArgumentError(`There is no "${name}"; expected some of ${everyone.join(", ")}.`);
  });
}

/** Names of models. */
export function parseModels(text: string): ZooModel[] {
  return list(text).map((name) => {
    try {
      return zooModel(name);
    } catch {
      const names = zoo.map((model) => model.name).join(", ");
      throw new InvalidArgumentError(`There is no model "${name}"; expected some of ${names}.`);
    }
  });
}

/** A positive number of seconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && Number.isFinite(seconds))) {
    throw new InvalidArgumentError("Expected a positive number of seconds.");
  }
  return seconds;
}

/** `2` machines or more. */
export function parseMachines(text: string): number {
  const machines = parseCount(text);
  if (machines >= 2) return machines;
  throw new InvalidArgumentError("Expected at least 2 machines.");
}

/** `1gbit`, in bits a second. */
export function parseRate(text: string): number {
  const rate = parseBandwidth(text);
  if (rate !== undefined) return rate;
  throw new InvalidArgumentError("Expected a rate, such as 1gbit.");
}

/** `5ms`, in seconds. */
export function parseDelay(text: string): number {
  const delay = parseLatency(text);
  if (delay !== undefined) return delay;
  throw new InvalidArgumentError("Expected a time, such as 5ms.");
}

/** The defaults. */
export const zooDefaults: ZooOptions = {
  models: zoo,
  only: everyone,
  workers: defaultWorkerCounts(usableCores()),
  rounds: 7,
  budget: 20,
};
