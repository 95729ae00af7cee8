// Failures of workers that train LeNet-5 with BatchNorm, also between the exchanges of a step.
import { describeFaults } from "../../testing/fault-matrix.ts";

describeFaults("batch-norm", { exchanges: true });
