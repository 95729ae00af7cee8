import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { sample } from "../../testing/checkpoint-samples.ts";
import { CheckpointError } from "../errors.ts";
import type { CheckpointState } from "./state-file.ts";
import { formatState, parseState } from "./state-file.ts";

const files = {
  "model.safetensors": { bytes: 12, sha256: "ab".repeat(32) },
  "optimizer.safetensors": { bytes: 0, sha256: "cd".repeat(32) },
};

test("is read as it was written, with numbers and names that JSON does not like", () => {
  const state: CheckpointState = {
    ...sample(812).state,
    random: [null, true, -0, Number.MIN_VALUE, { $number: "7", is: "text" }, "é\u2028😀"],
    metrics: {
      loss: Number.NaN,
      best: Number.POSITIVE_INFINITY,
      worst: Number.NEGATIVE_INFINITY,
      third: 1 / 3,
      ["__proto__"]: 1,
    },
  };
  const parsed = parseState(formatState(state, files));
  expect(parsed).toEqual({ state, files });
  expect(Object.is((parsed.state.random as number[])[2], -0)).toBe(true);
  expect(Object.hasOwn(parsed.state.metrics, "__proto__")).toBe(true);
});

test("is JSON for everybody else", () => {
  const text = Buffer.from(formatState(sample(812).state, files)).toString();
  expect(JSON.parse(text)).toMatchObject({
    format: "shardgrad-checkpoint",
    version: 2,
    step: 812,
    epoch: 1,
    files,
  });
  expect(text.endsWith("\n")).toBe(true);
});

test("of a newer version is refused, not taken for damage", () => {
  const body = '{\n  "format": "shardgrad-checkpoint",\n  "version": 3';
  const sum = createHash("sha256").update(body).digest("hex");
  const parse = () => parseState(Buffer.from(`${body},\n  "sha256": "${sum}"\n}\n`));
  expect(parse).toThrow(CheckpointError);
  expect(parse).toThrow(/^checkpoint: its format has version 3, expected 2; read it with the version/);
});
