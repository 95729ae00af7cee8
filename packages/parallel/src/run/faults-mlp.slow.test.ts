// Failures of workers that train an MLP with dropout and noise.
import { describeFaults } from "../../testing/fault-matrix.ts";

describeFaults("dropout");
