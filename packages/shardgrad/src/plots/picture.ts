// A picture: SVG that stands inside of a page or in a file of its own. Text and axes of a chart take the colour of the
// page around them; a file brings its own colours, light or dark as its reader has it.
import { escapeXml } from "./number-text.ts";

export interface Picture {
  /** What a person who cannot see it should know. */
  description: string;
  width: number;
  height: number;
  /** What is inside of the element. */
  content: string;
  /** A chart is coloured by `pictureStyle`; a drawing brings its colours, and paper that is white. */
  kind: "chart" | "drawing";
}

/** The colours of charts. A page that shows charts has these as well. */
const light = `--ink: #1b1f24; --paper: #fff; --c0: #0b5cad; --c1: #b3400f; --c2: #2b7a2e; --c3: #7b3fa0; --c4: #8a6500; --c5: #5a6472;`;
const dark = `--ink: #e6e8eb; --paper: #15181c; --c0: #6db3ff; --c1: #ff9a6b; --c2: #7fd483; --c3: #d3a2f5; --c4: #e6c04f; --c5: #aab4c0;`;

/** They are printed on white paper. */
export const colours = `:root { ${light} }
@media screen and (prefers-color-scheme: dark) { :root { ${dark} } }
`;

/** How the parts of charts look. */
export const pictureStyle = `
.chart { color: var(--ink); }
.chart text { font: 15px system-ui, sans-serif; fill: currentColor; }
.chart .title { font-size: 17px; font-weight: 600; }
.chart .soft { fill-opacity: .75; }
.chart .paper { fill: var(--paper); }
.chart .grid { stroke: currentColor; stroke-opacity: .13; fill: none; }
.chart .frame { stroke: currentColor; fill: none; }
.chart .guide { stroke: currentColor; stroke-dasharray: 2 3; fill: none; stroke-opacity: .8; }
.chart .line path { fill: none; stroke: var(--line); stroke-width: 2.2; }
.chart .line path.mark { fill: var(--line); stroke-dasharray: none; stroke-width: 1.6; }
.chart .line path.range { stroke-dasharray: none; stroke-width: 1.4; }
.chart .line path.leader { stroke-dasharray: none; stroke-width: 1; stroke-opacity: .5; }
.chart .thin path { stroke: currentColor; stroke-opacity: .3; stroke-width: 1; }
.chart .hollow path.mark { fill: var(--paper); }
${[0, 1, 2, 3, 4, 5].map((i) => `.chart .l${i} { --line: var(--c${i}); }`).join(" ")}
.chart .tile { fill: var(--paper); fill-opacity: .85; stroke: currentColor; stroke-opacity: .35; stroke-width: .7; }
.chart .plane { fill: currentColor; fill-opacity: .16; stroke: none; }
.chart .cut { fill: none; stroke: currentColor; stroke-width: 2.6; }
.chart .tangent { fill: none; stroke: var(--c1); stroke-width: 2.6; stroke-dasharray: 9 4; }
.chart .point { fill: var(--c1); }
.drawing { background: #fff; border-radius: 4px; }
`;

const opening = ({ description, width, height, kind }: Picture, attributes = ""): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" class="${kind}" viewBox="0 0 ${width} ${height}"${attributes} role="img" aria-label="${escapeXml(description)}"><title>${escapeXml(description)}</title>`;

/** The element `svg` for a page that has `colours` and `pictureStyle`; it is as wide as the page gives it. */
export const inPage = (picture: Picture): string =>
  `${opening(picture, picture.kind === "drawing" ? ` width="${picture.width}"` : "")}${picture.content}</svg>`;

/** A file of its own. */
export function svgFile(picture: Picture): string {
  const { width, height, kind, content } = picture;
  const [style, paper] =
    kind === "chart"
      ? [
          `<style>${colours}${pictureStyle}</style>`,
          `<rect class="paper" width="${width}" height="${height}"/>`,
        ]
      : ["", ""];
  return `${opening(picture, ` width="${width}" height="${height}"`)}${style}${paper}${content}</svg>\n`;
}
