// The same bits on any number of workers, stopped and resumed or not, for LeNet-5 with BatchNorm and for a GPT.
import { describeSameBits } from "./describe-same-bits.ts";

describeSameBits("batch-norm");
describeSameBits("char-gpt");
