// The thread that answers: loads a job's weights with its first piece of work, and keeps them for the next.
import { serializeError } from "../errors.ts";
import { answerColumns } from "./answers.ts";
import { columnsGiven } from "./given-columns.ts";
import { findKnownJob, loadModel, withKernels } from "./loaded-job.ts";
import type { Piece, PieceResult } from "./piece.ts";

type Loaded = Awaited<ReturnType<typeof loadPiece>>;
let loaded: Promise<Loaded> | undefined;

async function loadPiece({ url, path, kernels }: Piece) {
  const known = await findKnownJob("predict", url, path, kernels);
  return { known, answering: loadModel("predict", known) };
}

/** The Piscina task of this name. */
export async function answerPiece(piece: Piece): Promise<PieceResult> {
  try {
    loaded ??= loadPiece(piece);
    const { known, answering } = await loaded;
    const { batch, first, columns } = piece;
    return withKernels(known.kernels, () => {
      const given = columnsGiven("predict", columns, known.info, undefined)!;
      const answers = answerColumns("predict", answering, given, { batch, first });
      return { answers };
    });
  } catch (error) {
    return { error: serializeError(error) };
  }
}
