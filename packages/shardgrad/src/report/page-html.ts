// The page around a run's data: one HTML text that needs nothing else, no file and no network.
import type { RunData } from "./run-data.ts";

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** JSON within a script element: nothing in it can end that. */
const embedded = (data: unknown) => JSON.stringify(data).replaceAll("<", "\\u003c");

/** What a page in a file may do: run what is in it. A served page gets its policy with it. */
const filePolicy =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'";

export interface PageParts {
  /** The bundled script and style. */
  script: string;
  style: string;

  /** Goes on every script and style, for a content security policy. */
  nonce?: string;
  /** Where the page hears of what is new. */
  events?: string;
}

/** @param data undefined if it comes later */
export function pageHtml(job: string, data: RunData | undefined, parts: PageParts): string {
  const { script, style, nonce, events } = parts;
  const own = nonce === undefined ? "" : ` nonce="${nonce}"`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${nonce === undefined ? `<meta http-equiv="content-security-policy" content="${filePolicy}">\n` : ""}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="shardgrad">
<title>${escaped(job)} – shardgrad</title>
<link rel="icon" href="data:,">
<style${own}>${style}</style>
</head>
<body>
<noscript>This page draws its plots with a script, which is in the page itself.</noscript>
<main id="page"></main>
<script${own} type="application/json" id="run">${embedded({ data: data ?? null, events: events ?? null })}</script>
<script${own}>${script.replaceAll("</script", "<\\/script")}</script>
</body>
</html>
`;
}
