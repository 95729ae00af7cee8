// @shardgrad/parallel/worker: the file of the worker threads, as an entry of its own for bundlers. Not to be called.
import work from "./worker/worker.ts";

export { answerPiece } from "./predict/predict-worker.ts";

const task: (message: never) => Promise<unknown> = work;
export default task;
