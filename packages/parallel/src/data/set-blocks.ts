// The memory of a data set that is loaded outside of a run: for a profile, an evaluation, a prediction.
import { Storage } from "@shardgrad/core/engine";

export class SetBlocks {
  readonly #blocks: Storage[] = [];

  readonly allocate = (bytes: number): Storage => {
    const block = Storage.allocate(bytes, "dataset");
    block.retain();
    this.#blocks.push(block);
    return block;
  };

  release(): void {
    for (const block of this.#blocks) block.release();
  }
}
