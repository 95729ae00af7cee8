// The zoo's `mlp-tiny` as a job: a perceptron 784-30-10.
import { defineJob } from "@shardgrad/parallel";
import { zooJob } from "./zoo-job.ts";

export default defineJob(zooJob("mlp-tiny", import.meta.url));
