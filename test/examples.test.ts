// The examples, by the command.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const pathTo = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

it("diamonds-csv.ts trains on a CSV file", () => {
  const args = ["train", pathTo("examples/diamonds-csv.ts"), "--epochs", "2", "--json"];
  const text = execFileSync(process.execPath, [pathTo("packages/shardgrad/bin/shardgrad.js"), ...args], {
    encoding: "utf8",
  });
  const [start, ...rest] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(start).toMatchObject({ trainSamples: 43_152, testSamples: 10_788, evaluates: "validation" });
  expect(rest.at(-1).metrics.error).toBeLessThan(0.2);
});

describe("each example trains, in small:", () => {
  it.each([
    ["char-gpt.ts", "--set", "layers=1", "--set", "width=16", "--set", "every=4", "--set", "letters=20"],
    ["gan.ts"],
    ["k-fold.ts"],
    ["mnist-lenet.ts"],
    ["padded-sequences.ts"],
    ["teacher-student.ts"],
  ])("%s", (file, ...settings) => {
    const args = [
      "train",
      pathTo(`examples/${file}`),
      "--steps",
      "4",
      "--workers",
      "2",
      "--json",
      ...settings,
    ];
    const text = execFileSync(process.execPath, [pathTo("packages/shardgrad/bin/shardgrad.js"), ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: "end", steps: 4 });
    const { testLoss, metrics } = events.at(-1);
    const numbers = [testLoss ?? [], ...Object.values(metrics)].flat(2);
    expect(numbers.every(Number.isFinite)).toBe(true);
    expect(numbers.length).toBeGreaterThan(0);
  });
});

it("training-server.ts trains, streams the events of a run, predicts, and ends with nothing left running", async () => {
  const server = spawn(process.execPath, [pathTo("examples/training-server.ts")], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(server, "exit");
  try {
    const [line] = await once(server.stdout, "data");
    const runs = `${String(line).match(/http:\S+/)![0]}/runs`;
    const post = (address: string, body: unknown) =>
      fetch(address, { method: "POST", body: JSON.stringify(body) }).then((response) => response.json());
    expect(await post(runs, { epochs: 3, workers: 1 })).toEqual({ run: 1 });
    // The stream ends with the run.
    const events = await fetch(`${runs}/1/events`).then((response) => response.text());
    expect(events.match(/^event: epoch$/gm)).toHaveLength(3);
    expect(events).toMatch(/^event: end$/m);
    const penguin = { island: "Biscoe", culmen_length_mm: 48, culmen_depth_mm: 14, sex: "MALE" };
    const rows = [{ ...penguin, flipper_length_mm: 220, body_mass_g: 5500 }];
    expect(await post(`${runs}/1/predict`, rows)).toEqual(["Gentoo"]);
    expect(await post(`${runs}/1/predict`, [penguin])).toMatchObject({
      error: expect.stringMatching(/column/),
    });
    expect(await post(`${runs}/2/predict`, rows)).toEqual({ error: "there is no such run" });
  } finally {
    server.kill("SIGTERM");
  }
  expect(await ended).toEqual([0, null]);
});
