// The option `report`: a page about the run, written when it ends, however it ends.
import { renameSync, rmSync, writeFileSync } from "node:fs";
import type { Onlooker } from "@shardgrad/parallel/command";
import { besideOf, describeThrown, requireWritableFile } from "@shardgrad/parallel/command";
import { pageHtml } from "./page-html.ts";
import { readPageParts } from "./page-parts.ts";
import type { RunStory } from "./run-story.ts";

export class ReportFile implements Onlooker {
  readonly #path: string;
  readonly #story: RunStory;
  #parts: ReturnType<typeof readPageParts> | undefined;

  /** @param story is told everything before this */
  constructor(path: string, story: RunStory) {
    this.#path = path;
    this.#story = story;
  }

  async begin(): Promise<void> {
    await requireWritableFile(`train: report ${this.#path}`, this.#path);
    this.#parts = readPageParts();
  }

  end(): void {
    const { data } = this.#story;
    // A run that never started has nothing to tell.
    if (!data) return;
    const beside = besideOf(this.#path);
    try {
      writeFileSync(beside, pageHtml(data.job, data, this.#parts!), { flag: "wx" });
      renameSync(beside, this.#path);
    } catch (error) {
      rmSync(beside, { force: true });
      process.stderr.write(`train: report ${this.#path} cannot be written: ${describeThrown(error)}\n`);
    }
  }
}
