// The zoo's `gpt-256` as a job: a GPT of 6 layers, 256 wide, over 128 characters.
import { defineJob } from "@shardgrad/parallel";
import { zooJob } from "./zoo-job.ts";

export default defineJob(zooJob("gpt-256", import.meta.url));
