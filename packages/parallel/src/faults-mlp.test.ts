// Failures of workers that train an MLP with dropout and noise.
import { describeFaults } from "../scripts/fault-matrix.ts";

describeFaults("dropout");
