// What every section of the page consists of: the question, the short answer, pictures, what was measured, the catch.
import { escaped } from "../format.ts";

/** One of the seven questions. */
export interface Section {
  /** In the words of the person who asks. */
  question: string;
  /** What the section is called in a list. */
  name: string;
  /** Plain text, which the terminal shows as well. */
  answer: string;
  /** HTML. */
  body: string[];
}

/** A paragraph. Its text may have `<b>`, `<i>` and `<code>`. */
export const paragraph = (text: string): string => `<p>${text}</p>`;

/** A picture with what it shows. */
export const figure = (svg: string, caption: string): string =>
  `<figure>${svg}<figcaption>${caption}</figcaption></figure>`;

export const measured = (text: string): string => `<p class="measured"><b>Measured here.</b> ${text}</p>`;

export const theCatch = (text: string): string => `<p class="catch"><b>The catch.</b> ${text}</p>`;

/** A table; cells are text, and numbers stand right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: "th" | "td") =>
    `<tr>${cells.map((cell, i) => `<${tag}${i > 0 ? ' class="number"' : ""}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table><thead>${line(head, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}
