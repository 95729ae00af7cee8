// The flags of `scale` about several machines. Each of them asks for the prediction.
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import type { SimulateOptions } from "../simulate/options.ts";
import { parseBandwidth, parseLatency } from "../simulate/units.ts";
import { counts } from "./option-flags.ts";

export interface SimulateFlags {
  simulate?: boolean;
  latency?: number;
  bandwidth?: number[];
  overlap?: boolean;
}

/** `50us` */
function latency(text: string): number {
  const seconds = parseLatency(text);
  if (seconds !== undefined) return seconds;
  throw new InvalidArgumentError("Expected a time with its unit (ns, us, ms, s), such as 50us.");
}

/** `1gbit,10gbit` */
function bandwidths(text: string): number[] {
  return text.split(",").map((word) => {
    const bits = parseBandwidth(word);
    if (bits !== undefined) return bits;
    throw new InvalidArgumentError(
      "Expected bits a second with their unit (kbit, mbit, gbit, tbit), such as 10gbit; several separated by commas.",
    );
  });
}

/** Adds them to a command. */
export function simulateFlags(command: Command): void {
  const rows: [flags: string, help: string, parse?: (text: string) => unknown][] = [
    ["--machines <counts>", "numbers of machines to predict (default: 1,2,4 … 1024)", counts],
    ["--latency <time>", "of their network (default: 50us)", latency],
    ["--bandwidth <list>", "of their network (default: 1gbit,10gbit,100gbit)", bandwidths],
    ["--no-overlap", "as if nothing were sent during the backward pass"],
  ];
  command.option("--simulate", "also predict what several such machines would do");
  for (const [flags, help, parse] of rows) {
    const option = new Option(flags, help).implies({ simulate: true });
    command.addOption(parse ? option.argParser(parse) : option);
  }
}

/** The options of `simulateMachines` that they name. */
export function simulateOptions(
  flags: SimulateFlags & Pick<SimulateOptions, "machines" | "weak">,
): SimulateOptions {
  const { machines, weak, overlap, latency: latencySeconds, bandwidth: bitsPerSecond } = flags;
  const named = { machines, weak, overlap, latencySeconds, bitsPerSecond };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}
