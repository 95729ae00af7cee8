// The kernels that are defined in the kernel language, by family. Every backend takes its kernels from here.
import type { Definition } from "../language/definition.ts";
import { channels } from "./channels/channels.ts";
import { columns } from "./convolution/columns.ts";
import { convolution } from "./convolution/convolution.ts";
import { activations } from "./elementwise/activations.ts";
import { elementwise } from "./elementwise/elementwise.ts";
import { random } from "./elementwise/random.ts";
import { recurrent } from "./elementwise/recurrent.ts";
import { indexed } from "./memory/indexed.ts";
import { move } from "./memory/move.ts";
import { averagePooling } from "./pooling/average-pooling.ts";
import { maxPooling } from "./pooling/max-pooling.ts";
import { gemm } from "./products/gemm.ts";
import { attention } from "./rows/attention.ts";
import { losses } from "./rows/losses.ts";
import { norm } from "./rows/norm.ts";
import { reduce } from "./rows/reductions.ts";
import { softmax } from "./rows/softmax.ts";
import { optimizers } from "./training/optimizers.ts";
import { training } from "./training/training.ts";

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
