// Where the page's bundled script and style are, read when a page is made.
import { readFileSync } from "node:fs";
import { JobError } from "@shardgrad/parallel";

/** dist/, also from src/, whose files only tests run. */
const folder = new URL(import.meta.url.includes("/src/") ? "../../dist/" : "./", import.meta.url);

/** @throws JobError if they are not there, as in a bundle */
export function readPageParts(): { script: string; style: string } {
  const read = (name: string) => readFileSync(new URL(name, folder), "utf8");
  try {
    return { script: read("report-page.js"), style: read("report-page.css") };
  } catch (error) {
    throw new JobError(
      "train: report-page.js is not beside the code of shardgrad; leave the package out of the bundle, or copy its dist/report-page.* there",
      { cause: error },
    );
  }
}
