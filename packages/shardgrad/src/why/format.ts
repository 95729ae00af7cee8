// Numbers as people read them.

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** `10⁻³`. */
export const powerOfTen = (exponent: number): string =>
  `10${String(exponent).replace(/[-\d]/g, (c) => (c === "-" ? "⁻" : superscripts[Number(c)]!))}`;

/** `1,000,000`. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Two digits: `0.042`, `3.1`, `120`, `1.3·10⁻¹⁰`. */
export function short(value: number, digits = 2): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -3 && exponent < 6) {
    const rounded = Number(value.toPrecision(digits));
    return (Math.abs(rounded) >= 1000 ? count(rounded) : String(rounded)).replace("-", "−");
  }
  return `${(value / 10 ** exponent).toFixed(digits - 1)}·${powerOfTen(exponent)}`;
}

/** The unit, in milliseconds, and from how many milliseconds on it is used: nothing takes "1 hours". */
const units: readonly [milliseconds: number, name: string, from: number][] = [
  [365.25 * 86_400_000, "years", 1.2 * 365.25 * 86_400_000],
  [86_400_000, "days", 1.2 * 86_400_000],
  [3_600_000, "hours", 1.2 * 3_600_000],
  [60_000, "minutes", 1.2 * 60_000],
  [1000, "s", 1000],
  [1, "ms", 1],
  [0.001, "µs", 0],
];

/** `3.1 ms`, `4.7 hours`. */
export function duration(ms: number): string {
  const [size, name] = units.find(([, , from]) => ms >= from) ?? units.at(-1)!;
  return `${short(ms / size)} ${name}`;
}

/** `12 %`. */
export const percent = (share: number, digits = 2): string => `${short(100 * share, digits)} %`;

/** Text that is safe inside HTML. */
export const escaped = (text: string): string =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
