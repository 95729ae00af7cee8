// The same bits on any number of workers, stopped and resumed or not: for an MLP with dropout, and in short for LeNet-5 with
// BatchNorm and for a GPT.
import { describeSameBits } from "./describe-same-bits.ts";

describeSameBits("dropout");
describeSameBits("batch-norm", { short: true });
describeSameBits("char-gpt", { short: true });
