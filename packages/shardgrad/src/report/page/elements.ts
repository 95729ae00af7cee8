// Elements of the page. Every text is set as text: nothing of a run is ever read as markup.

type Child = Node | string | undefined;

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  for (const child of children) if (child !== undefined) made.append(child);
  return made;
}

/** A style by property; set by script, as a content security policy may forbid style attributes. */
export function styled<E extends HTMLElement>(of: E, style: Readonly<Record<string, string>>): E {
  for (const [property, value] of Object.entries(style)) of.style.setProperty(property, value);
  return of;
}

export interface Cell {
  text: string | Node;
  /** `detail` is left out where there is little room. */
  kind?: "number" | "word" | "detail";
}

const cell = (tag: "td" | "th", { text, kind }: Cell) => element(tag, kind ? { class: kind } : {}, text);

/** A table that may be wider than the page. */
export function table(head: readonly Cell[], rows: readonly (readonly Cell[])[]): HTMLElement {
  const heading = element("thead", {}, element("tr", {}, ...head.map((one) => cell("th", one))));
  const body = element(
    "tbody",
    {},
    ...rows.map((row) => element("tr", {}, ...row.map((one) => cell("td", one)))),
  );
  return element(
    "div",
    { class: "scroll" },
    element("table", {}, ...(head.length > 0 ? [heading] : []), body),
  );
}

export const section = (title: string, ...children: readonly Child[]): HTMLElement =>
  element("section", {}, element("h2", {}, title), ...children);
