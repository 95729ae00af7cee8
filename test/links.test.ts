// Links between the READMEs, docs/ and the pages beside the sources: each leads to an existing file and heading, by
// GitHub's names for headings. Does not follow links to the web.
import { existsSync, globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

interface Link {
  target: string;
  /** Of an image: what stands for it where it is not seen. */
  alt?: string | undefined;
}

/** Code is not prose: what looks like a link or a heading there is none. */
const withoutFences = (text: string) => text.replace(/^(```+|~~~+)[^\n]*\n.*?^\1[^\n]*$/gms, "");
const withoutCode = (text: string) => withoutFences(text).replace(/(`+)[^`].*?\1/g, "");

function linksOf(text: string): Link[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/(!?)\[([^\]]*)\]\(([^()\s]+)[^()]*\)/g)].map(
    ([, bang, words, target]) => ({
      target: target!,
      ...(bang && { alt: words }),
    }),
  );
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, target]) => ({ target: target! }));
  const images = [...prose.matchAll(/<img\b[^>]*>/g)].map(([tag]) => ({
    target: /\bsrc="([^"]*)"/.exec(tag)?.[1] ?? "",
    alt: /\balt="([^"]*)"/.exec(tag)?.[1] ?? "",
  }));
  return [...inline, ...references, ...images];
}

/** The anchors of a page's headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    let name = anchor;
    for (let i = 1; anchors.has(name); i++) name = `${anchor}-${i}`;
    anchors.add(name);
  }
  return anchors;
}

/** What is wrong with the links of a page; `readPage` returns undefined for a missing page. */
function problemsOf(page: string, text: string, readPage: (path: string) => string | undefined): string[] {
  return linksOf(text).flatMap(({ target, alt }) => {
    const unseen = alt === "" ? [`${target}: the image has no alt text`] : [];
    if (/^[a-z]+:/.test(target)) return unseen;
    const [path, anchor] = target.split("#") as [string, string?];
    const file = path === "" ? page : posix.normalize(posix.join(posix.dirname(page), path));
    const found = path === "" ? text : readPage(file);
    if (found === undefined) return [...unseen, `${target}: there is no ${file}`];
    if (anchor === undefined || anchorsOf(found).has(anchor)) return unseen;
    return [...unseen, `${target}: ${file} has no heading #${anchor}`];
  });
}

describe("what is looked for", () => {
  const other = "# A page\n## `code`, and more\n## Twice\n## Twice\n```sh\n# no heading\n```\n";
  const readPage = (path: string) => (path === "docs/other.md" ? other : undefined);

  it.each([
    "[a](other.md)",
    "[a](./other.md#a-page)",
    "[a](other.md#code-and-more)",
    "[a](other.md#twice-1)",
    "[a](#here)",
    "[a](https://example.org/nowhere.md)",
    "`[a](nowhere.md)`",
    "```ts\n[a](nowhere.md)\n```",
    '<img src="other.md" alt="a picture">',
  ])("accepts %j", (text) => expect(problemsOf("docs/page.md", `# Here\n${text}`, readPage)).toEqual([]));

  it.each([
    "[a](nowhere.md)",
    "[a](other.md#nothing)",
    "[a](other.md#no-heading)",
    "[a](#there)",
    "[a]: nowhere.md",
    "![](other.md)",
    '<img src="other.md">',
    '<img src="nowhere.svg" alt="a picture">',
  ])("refuses %j", (text) => expect(problemsOf("docs/page.md", `# Here\n${text}`, readPage)).toHaveLength(1));
});

const exclude = (path: string) => /(^|[\\/])(node_modules|dist|\.tmp)$/.test(path);
const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md", "packages/**/*.md"], {
  cwd: root,
  exclude,
});

it.each(pages.map((path) => path.replaceAll("\\", "/")))("%s: every link leads somewhere", (page) => {
  const readPage = (path: string) => {
    if (!existsSync(root + path)) return undefined;
    return path.endsWith(".md") ? readFileSync(root + path, "utf8") : "";
  };
  expect(problemsOf(page, readFileSync(root + page, "utf8"), readPage)).toEqual([]);
});
