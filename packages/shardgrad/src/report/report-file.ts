// The option `report`: a page about the run, written when it ends, however it ends.
import type { Onlooker } from "@shardgrad/parallel/command";
import { oneLine, requireWritableFile, writeOutput } from "@shardgrad/parallel/command";
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

  async end(): Promise<void> {
    const { data } = this.#story;
    // A run that never started has nothing to tell.
    if (!data) return;
    const page = Buffer.from(pageHtml(data.job, data, this.#parts!));
    try {
      await writeOutput(this.#path, page, { operation: "train", content: "the report" });
    } catch (error) {
      process.stderr.write(`${oneLine((error as Error).message)}\n`);
    }
  }
}
