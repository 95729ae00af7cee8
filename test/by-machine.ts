// Under mpirun: runs a command's module with more arguments for each machine: `by-machine.ts '[["--a"],["--b"]]' module …`.
import { pathToFileURL } from "node:url";
import { machinesOf } from "@shardgrad/parallel/engine";

const [node, , more, ...args] = process.argv as [string, string, string, string];
process.argv = [node, ...args, ...JSON.parse(more)[machinesOf(process.env)!.machine]];
await import(pathToFileURL(args[0]!).href);
