// Failures of workers that train a GPT.
import { describeFaults } from "../../testing/fault-matrix.ts";

describeFaults("char-gpt");
