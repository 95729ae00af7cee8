// Latencies and bandwidths, as people write them.

/** Powers of ten. */
const units = { s: 0, ms: -3, us: -6, µs: -6, μs: -6, ns: -9 };
const prefixes = { "": 0, k: 3, m: 6, g: 9, t: 12 };

/** `50us`, `0.2 ms`: seconds; undefined if it is none. */
export function parseLatency(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) *(s|ms|us|µs|μs|ns)$/.exec(text.trim().toLowerCase()) ?? [];
  return unit === undefined ? undefined : Number(`${number}e${units[unit as keyof typeof units]}`);
}

/** `10gbit`, `2.5 Gbit/s`, `100Mbps`: bits a second; undefined if it is none, or nothing. */
export function parseBandwidth(text: string): number | undefined {
  const [, number, prefix] =
    /^(\d+(?:\.\d+)?) *([kmgt]?)(?:bit(?:\/s)?|bps)$/.exec(text.trim().toLowerCase()) ?? [];
  const bits = Number(`${number}e${prefixes[prefix as keyof typeof prefixes]}`);
  return bits > 0 ? bits : undefined;
}

/** Three digits at most, without zeros at the end. */
const shortly = (value: number) => String(Number(value.toPrecision(3)));

/** `50 µs` */
export function latencyText(latencySeconds: number): string {
  if (latencySeconds < 1e-3) return `${shortly(latencySeconds * 1e6)} µs`;
  return latencySeconds < 1 ? `${shortly(latencySeconds * 1e3)} ms` : `${shortly(latencySeconds)} s`;
}

/** `10 Gbit/s` */
export function bandwidthText(bitsPerSecond: number): string {
  const [prefix, factor] = (
    [
      ["T", 1e12],
      ["G", 1e9],
      ["M", 1e6],
      ["k", 1e3],
    ] as const
  ).find(([, least]) => bitsPerSecond >= least) ?? ["", 1];
  return `${shortly(bitsPerSecond / factor)} ${prefix}bit/s`;
}
