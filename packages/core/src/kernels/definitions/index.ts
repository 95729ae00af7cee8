// The kernels that are defined in the kernel language, by family. Every backend takes its kernels from here.
import type { Definition } from "../language/definition.ts";
import { activations } from "./activations.ts";
import { attention } from "./attention.ts";
import { averagePooling } from "./average-pooling.ts";
import { channels } from "./channels.ts";
import { columns } from "./columns.ts";
import { convolution } from "./convolution.ts";
import { elementwise } from "./elementwise.ts";
import { gemm } from "./gemm.ts";
import { indexed } from "./indexed.ts";
import { losses } from "./losses.ts";
import { maxPooling } from "./max-pooling.ts";
import { move } from "./move.ts";
import { norm } from "./norm.ts";
import { optimizers } from "./optimizers.ts";
import { random } from "./random.ts";
import { recurrent } from "./recurrent.ts";
import { reduce } from "./reductions.ts";
import { softmax } from "./softmax.ts";
import { training } from "./training.ts";

export const kernelDefinitions = {
  elementwise,
  activations,
  optimizers,
  training,
  linear: [gemm],
  convolution: [...convolution, ...columns],
  reduce,
  softmax,
  losses,
  norm,
  channels,
  attention,
  indexed,
  move,
  random,
  recurrent,
  pooling: [...maxPooling, ...averagePooling],
} satisfies Record<string, readonly Definition[]>;

/** A group of kernels that are made together. */
export type KernelFamily = keyof typeof kernelDefinitions;
