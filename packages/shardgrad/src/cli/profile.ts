// shardgrad profile: where the time of a step goes.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { ProfileJobOptions } from "@shardgrad/parallel";
import { profileJob } from "@shardgrad/parallel";
import { requireSurroundings } from "@shardgrad/parallel/command";
import type { Command } from "commander";
import { integer, optionFlags } from "./option-flags.ts";
import { describeProfile } from "./profile-report.ts";
import { common, examples, fail, keepOutput } from "./run-command.ts";

interface ProfileFlags extends Omit<ProfileJobOptions, "params"> {
  set?: string[];
  json?: boolean;
  stack?: boolean;
}

async function runProfile(job: string, flags: ProfileFlags): Promise<void> {
  const { json = false, stack = false, set: params = [], ...options } = flags;
  const output = json ? keepOutput() : process.stdout;
  try {
    requireSurroundings("profile");
    const { profile, ...found } = await profileJob(pathToFileURL(resolve(job)), { ...options, params });
    output.write(
      json
        ? `${JSON.stringify({ ...found, ms: profile.ms, rows: profile.rows })}\n`
        : describeProfile(found, profile, output),
    );
  } catch (error) {
    fail(error, stack);
  }
}

export function addProfile(program: Command): void {
  const profiling = program
    .command("profile")
    .description("show where the time of one worker's step goes, kernel by kernel")
    .argument("<job>", "path of the job module");
  optionFlags(profiling, ["workers", "shards", "batchSize", "seed", "kernels"]).option(
    "--rounds <n>",
    "steps to measure (default: 20)",
    integer,
  );
  examples(
    common(profiling, "print one JSON object and nothing else"),
    "profile my-job.ts --workers 1 --batch-size 256",
  ).action(runProfile);
}
