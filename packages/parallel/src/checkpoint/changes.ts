// What may be another in a run that goes on from a checkpoint than in the one that wrote it: not what decided the steps
// that are done, but what decides those to come. Kept by name, compared when a run goes on, and told.

/** A setting by its name: a number, a word, or true for something that is there. One that is absent is "none". */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

/** What was changed when a run went on from a checkpoint, in words: "clipGradNorm 1 instead of none". */
export interface RunChange {
  /** Steps that were done by then. */
  step: number;
  changes: readonly string[];
}

/** Before the name of each param of a job, among the settings of its run. */
export const paramPrefix = "param ";

function changeOf(name: string, before: RunSettings[string] | undefined, now: typeof before): string[] {
  if (Object.is(before, now)) return [];
  if (now === true && before === undefined) return [`${name} added`];
  if (before === true && now === undefined) return [`${name} removed`];
  return [`${name} ${String(now ?? "none")} instead of ${String(before ?? "none")}`];
}

type Compared = [name: string, before: RunSettings[string] | undefined, now: RunSettings[string] | undefined];

/** Each setting of either, with both values. */
function compare(before: RunSettings, now: RunSettings): Compared[] {
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  const valueIn = (settings: RunSettings, name: string) =>
    Object.hasOwn(settings, name) ? settings[name] : undefined;
  return names.map((name) => [name, valueIn(before, name), valueIn(now, name)]);
}

/** Every difference between the settings of a checkpoint and those of a run, in words; none if they are the same. */
export function changesOf(before: RunSettings, now: RunSettings): string[] {
  const told = compare(before, now).flatMap((compared) => changeOf(...compared));
  // What a param of the same name has made another is told once.
  return told.filter((change) => !told.includes(`${paramPrefix}${change}`));
}

/** The params that are others than in a checkpoint: "params.width was 64, now 128". */
export function changedParams(before: RunSettings, now: RunSettings): string[] {
  return compare(before, now).flatMap(([name, then, own]) =>
    name.startsWith(paramPrefix) && then !== own
      ? [`params.${name.slice(paramPrefix.length)} was ${then ?? "not there"}, now ${own ?? "not there"}`]
      : [],
  );
}
