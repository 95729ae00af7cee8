import { expect, it } from "vitest";
import { bandwidthText, latencyText, parseBandwidth, parseLatency } from "./units.ts";

it("reads latencies and bandwidths as people write them, and nothing else", () => {
  expect(["50us", "0.2 ms", "1s", "5 µs", "800ns", "0us"].map(parseLatency)).toEqual([
    50e-6, 0.2e-3, 1, 5e-6, 800e-9, 0,
  ]);
  expect(["1gbit", "2.5Gbit/s", "100 Mbps", "400gbit", "64kbit", "1tbit"].map(parseBandwidth)).toEqual([
    1e9, 2.5e9, 100e6, 400e9, 64e3, 1e12,
  ]);
  for (const text of ["", "50", "50 m", "us", "-1us", "1e3us", "50us later"])
    expect([text, parseLatency(text)]).toEqual([text, undefined]);
  for (const text of ["", "10", "10GB/s", "gbit", "-1gbit", "0gbit", "10 gbit lan"])
    expect([text, parseBandwidth(text)]).toEqual([text, undefined]);
});

it("writes them with three digits and a unit", () => {
  expect([50e-6, 0.5e-6, 5e-3, 1.5].map(latencyText)).toEqual(["50 µs", "0.5 µs", "5 ms", "1.5 s"]);
  expect([1e9, 2.5e9, 100e6, 64e3, 1e12].map(bandwidthText)).toEqual([
    "1 Gbit/s",
    "2.5 Gbit/s",
    "100 Mbit/s",
    "64 kbit/s",
    "1 Tbit/s",
  ]);
});
