// What stands above the seven questions: how it was measured, and the words.

export interface Measurement {
  /** What was measured with, as in "AMD EPYC, 2 cores, Node.js 26". */
  machine: string;
  date: string;
  seconds: number;
  /** How many threads of other programs were busy meanwhile, as a mean. */
  othersLoad: number;
}

/** From here on others took enough of the processor to be seen in the times. */
const busyFrom = 0.2;

/** Two paragraphs, which may have `<b>`, `<i>` and `<code>`. */
export function opening({ machine, date, seconds, othersLoad }: Measurement): string[] {
  const others =
    othersLoad >= busyFrom
      ? ` Other programs kept ${othersLoad.toFixed(1)} threads busy meanwhile: read times as orders of magnitude. Counts, errors and angles do not depend on it.`
      : "";
  return [
    `Seven questions that people ask, answered by measurement. Nothing here is copied from a book: <code>shardgrad why</code> trained the networks, counted and timed, in ${seconds.toFixed(0)} seconds, on ${machine}, on ${date}.${others} Run it yourself and the numbers are those of your machine.`,
    `Words: a <b>weight</b> is a number that training may change. The <b>loss</b> is one number that says how wrong the network is. A <b>forward pass</b>, or a <b>run</b>, computes the network once and ends with the loss. The <b>gradient</b> is a list: for each weight the slope of the loss, ∂L/∂w: how much the loss changes per unit, if that weight alone changes a little. <b>Backpropagation</b> is one way to compute it. The <b>learning rate</b> α says how far a step of training goes.`,
  ];
}
