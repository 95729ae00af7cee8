// docs/errors-and-what-to-do.md quotes messages. Each must exist in the sources: the test searches them for the fixed
// text between the variable parts, which the page writes as `…`.
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");

const sources = globSync("packages/{core,parallel,blas,mpi,data,shardgrad}/src/**/*.ts", { cwd: root })
  .filter((path) => !path.endsWith(".test.ts") && !path.endsWith(".generated.ts"))
  .map(read)
  .join("\n");

/** The fixed parts of a message that are long enough to search for. Operations and sentences may come from different places. */
const fixedParts = (message: string) =>
  message
    .replace(/^[\w@]+: /, "")
    .split(/…|; /)
    .map((part) => part.replace(/^[\s,:()]+|[\s,:()]+$/g, ""))
    .filter((part) => part.length >= 9);

const page = read("docs/errors-and-what-to-do.md");
const messages = [...page.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, message]) => message!);
const quoted = messages.filter((message) => message.includes(" "));

it("quotes messages", () => expect(quoted.length).toBeGreaterThan(20));

it.each(quoted)("%s", (message) => {
  const parts = fixedParts(message);
  expect(parts).not.toEqual([]);
  expect(parts.filter((part) => !sources.includes(part))).toEqual([]);
});

it.each([...page.matchAll(/^\| `(\w+Error)` +\|/gm)].map(([, name]) => name!))(
  "%s is an error of the packages",
  (name) => expect(sources).toContain(`class ${name} extends`),
);
