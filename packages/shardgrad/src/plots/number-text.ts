// Numbers and texts as pictures and pages write them.

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

/** Text that is safe inside HTML and XML. */
export function escapeXml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}
