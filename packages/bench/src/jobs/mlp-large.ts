// The zoo's `mlp-large` as a job: a perceptron 784-1024-1024-10.
import { defineJob } from "@shardgrad/parallel";
import { zooJob } from "./zoo-job.ts";

export default defineJob(zooJob("mlp-large", import.meta.url));
