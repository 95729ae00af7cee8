// The zoo's `mlp-small` as a job: a perceptron 784-256-128-10.
import { defineJob } from "@shardgrad/parallel";
import { zooJob } from "./zoo-job.ts";

export default defineJob(zooJob("mlp-small", import.meta.url));
