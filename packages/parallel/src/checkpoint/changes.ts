// Settings that may change when a run resumes: they affect the steps to come, but not the steps done. A checkpoint
// stores them by name; a resume compares them and reports the changes.

/** A setting: a number, a word, or true for something present. An absent setting is "none". */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

/** What changed when a run resumed, as text: "clipGradNorm 1 instead of none". */
export interface RunChange {
  /** Steps done by then. */
  step: number;
  changes: readonly string[];
}

/** The prefix of a job's params among the settings of its run. */
export const paramPrefix = "param ";

function changeOf(name: string, before: RunSettings[string] | undefined, now: typeof before): string[] {
  if (Object.is(before, now)) return [];
  if (now === true && before === undefined) return [`${name} added`];
  if (before === true && now === undefined) return [`${name} removed`];
  return [`${name} ${String(now ?? "none")} instead of ${String(before ?? "none")}`];
}

type Compared = [name: string, before: RunSettings[string] | undefined, now: RunSettings[string] | undefined];

/** Every setting of either side, with both values. */
function compare(before: RunSettings, now: RunSettings): Compared[] {
  const names = [...new Set([...Object.keys(now), ...Object.keys(before)])];
  const valueIn = (settings: RunSettings, name: string) =>
    Object.hasOwn(settings, name) ? settings[name] : undefined;
  return names.map((name) => [name, valueIn(before, name), valueIn(now, name)]);
}

/** Every difference between a checkpoint's settings and a run's, as text; empty if they are equal. */
export function changesOf(before: RunSettings, now: RunSettings): string[] {
  const told = compare(before, now).flatMap((compared) => changeOf(...compared));
  // If a param of the same name caused the change, report it once.
  return told.filter((change) => !told.includes(`${paramPrefix}${change}`));
}

/** The params that differ from a checkpoint's: "params.width was 64, now 128". */
export function changedParams(before: RunSettings, now: RunSettings): string[] {
  return compare(before, now).flatMap(([name, then, own]) =>
    name.startsWith(paramPrefix) && then !== own
      ? [`params.${name.slice(paramPrefix.length)} was ${then ?? "not there"}, now ${own ?? "not there"}`]
      : [],
  );
}
