// @shardgrad/data: the public API.
import "@shardgrad/parallel/node-version";
