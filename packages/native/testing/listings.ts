// The committed listings: for each instruction the bytes that GNU as makes of it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { EncodeCase } from "./encode-case.ts";
import { integerCases } from "./integer-cases.ts";
import { moveCases } from "./move-cases.ts";
import { vectorCases } from "./vector-cases.ts";

/** The cases of each listing of x86-64, by its name. That of arm64 has the name `arm64`. */
export const listings: Record<string, () => EncodeCase[]> = {
  integers: integerCases,
  moves: moveCases,
  vectors: vectorCases,
};

export const listingFile = (name: string): string =>
  fileURLToPath(new URL(`./listings/${name}.txt`, import.meta.url));

/** A line of a listing. */
export const lineOf = (text: string, hex: string): string => `${hex.padEnd(24)}${text}`;

export const readListing = (name: string): string[] =>
  readFileSync(listingFile(name), "utf8").trimEnd().split("\n");
