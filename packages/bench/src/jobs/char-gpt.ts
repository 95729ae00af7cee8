// The zoo's `char-gpt` as a job: a GPT of 4 layers, 128 wide, over 64 characters.
import { defineJob } from "@shardgrad/parallel";
import { zooJob } from "./zoo-job.ts";

export default defineJob(zooJob("char-gpt", import.meta.url));
