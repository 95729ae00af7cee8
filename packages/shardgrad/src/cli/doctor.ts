// shardgrad doctor: whether training can run on this machine, how fast it computes, and what would make it faster.
import type { Command } from "commander";
import { diagnose } from "../doctor/diagnose.ts";
import { judge } from "../doctor/judge.ts";
import { doctorLines } from "../doctor/report.ts";
import { examples, exitCode, fail, outputFlags } from "./run-command.ts";
import { columnsOf } from "./streams.ts";

async function runDoctor({
  json = false,
  stack = false,
}: {
  json?: boolean;
  stack?: boolean;
}): Promise<void> {
  try {
    const found = await diagnose();
    const judgement = judge(found);
    const lines = doctorLines(found, judgement, Math.min(columnsOf(process.stdout, 100), 120));
    process.stdout.write(json ? `${JSON.stringify({ ...found, ...judgement })}\n` : `${lines.join("\n")}\n`);
    if (judgement.problems.length > 0) process.exitCode = exitCode.failure;
  } catch (error) {
    fail(error, stack);
  }
}

export function addDoctor(program: Command): void {
  const doctor = program
    .command("doctor")
    .description("say whether training can run here, how fast this machine computes, and how to get faster");
  examples(outputFlags(doctor, "print one JSON object and nothing else"), "doctor").action(runDoctor);
}
