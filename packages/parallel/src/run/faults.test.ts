// Failures of workers that train LeNet-5 with BatchNorm: the short form of faults-*.slow.test.ts.
import { describeFaults } from "../../testing/fault-matrix.ts";

describeFaults("batch-norm", { exchanges: true, short: true });
