// What every section consists of: the question, the short answer, pictures, what was measured, the catch. It is told as
// blocks; page.ts makes HTML of them, markdown.ts Markdown.
import type { Picture } from "../../plots/picture.ts";

/** Texts may have `<b>`, `<i>` and `<code>`; table cells and head are plain. */
export type Block =
  | { kind: "paragraph" | "measured" | "catch"; text: string }
  | { kind: "figure"; name: string; picture: Picture; caption: string }
  | { kind: "table"; head: readonly string[]; rows: readonly (readonly string[])[] };

/** One of the seven questions. */
export interface Section {
  /** In the words of the person who asks. */
  question: string;
  /** What the section is called in a list. */
  name: string;
  /** Plain text, which the terminal shows as well. */
  answer: string;
  body: Block[];
}

export const paragraph = (text: string): Block => ({ kind: "paragraph", text });

/** A picture with what it shows. Its name is that of its file. */
export const figure = (name: string, picture: Picture, caption: string): Block => ({
  kind: "figure",
  name,
  picture,
  caption,
});

export const measured = (text: string): Block => ({ kind: "measured", text });

export const theCatch = (text: string): Block => ({ kind: "catch", text });

/** The first column says what the row is about; all others are numbers. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): Block => ({
  kind: "table",
  head,
  rows,
});
