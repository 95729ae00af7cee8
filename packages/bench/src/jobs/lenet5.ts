// The zoo's `lenet5` as a job: LeNet-5.
import { defineJob } from "@shardgrad/parallel";
import { zooJob } from "./zoo-job.ts";

export default defineJob(zooJob("lenet5", import.meta.url));
