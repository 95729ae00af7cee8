// shardgrad/measure: what `shardgrad scale` is made of, for other programs that measure. Not for programs that train
// models: it may change in any version.

export { type BlasFound, describeMachine, type Machine, tellingVariables } from "./scale/machine.ts";
export { digits, mebibytes, percent, spreadText } from "./scale/numbers.ts";
export { type Entrant, orderOfRound, runRounds } from "./scale/rounds.ts";
export { type ByRound, median, pairRounds, type Spread, spreadOf } from "./scale/statistics.ts";
export { scaleLines } from "./scale/table.ts";
export { defaultWorkerCounts } from "./scale/worker-counts.ts";
export { startYardstick, type Yardstick } from "./scale/yardstick.ts";
export { ethernet, networkSeconds } from "./simulate/cost-model.ts";
export { bandwidthText, latencyText, parseBandwidth, parseLatency } from "./simulate/units.ts";
