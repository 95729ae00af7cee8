// Failures of workers that train a GPT.
import { describeFaults } from "../scripts/fault-matrix.ts";

describeFaults("char-gpt");
