// Packs bytes for src/kernels/unpack.ts: base64 of runs of new bytes and of copies of what came before, as in LZ4. It looks
// for the shortest way to say them, which takes a second: this is for build time.

/** A copy takes three bytes, if it is short. Longer ones would gain nothing, but take long to look for. */
const shortestCopy = 4;
const longestCopy = 1024;
const farthestCopy = 65535;

interface Copy {
  length: number;
  distance: number;
}

/** How many bytes a length takes beyond its half of a byte. */
const extraBytes = (length: number) => (length < 15 ? 0 : 1 + Math.floor((length - 15) / 255));

/** The longest copy at each position, from as near as possible; of length 0 where there is none. */
function longestCopies(bytes: Uint8Array): Copy[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const starts = new Map<number, number[]>();
  return Array.from(bytes, (_, at) => {
    const longest = { length: 0, distance: 0 };
    if (at + shortestCopy > bytes.length) return longest;
    const most = Math.min(longestCopy, bytes.length - at);
    const key = view.getUint32(at);
    const known = starts.get(key) ?? [];
    starts.set(key, known);
    for (let nearest = known.length - 1; nearest >= 0; nearest--) {
      const start = known[nearest]!;
      if (at - start > farthestCopy || longest.length === most) break;
      let length = shortestCopy;
      while (length < most && bytes[start + length] === bytes[at + length]) length++;
      if (length > longest.length) Object.assign(longest, { length, distance: at - start });
    }
    known.push(at);
    return longest;
  });
}

/** For each position the copy to take there, or undefined for a new byte: from the end on, whatever is shortest. */
function shortestWay(bytes: Uint8Array): (Copy | undefined)[] {
  const copies = longestCopies(bytes);
  const taken: (Copy | undefined)[] = new Array(bytes.length);
  const cost = new Uint32Array(bytes.length + 1);
  /** How many new bytes follow each other from a position on. */
  const run = new Uint32Array(bytes.length + 1);
  for (let at = bytes.length - 1; at >= 0; at--) {
    run[at] = run[at + 1]! + 1;
    cost[at] = cost[at + 1]! + 1 + extraBytes(run[at]!) - extraBytes(run[at]! - 1);
    const { length: longest, distance } = copies[at]!;
    for (let length = shortestCopy; length <= longest; length++) {
      const here = cost[at + length]! + 3 + extraBytes(length - shortestCopy);
      if (here > cost[at]!) continue;
      cost[at] = here;
      run[at] = 0;
      taken[at] = { length, distance };
    }
  }
  return taken;
}

/** The bytes as text, for `unpack`. */
export function pack(bytes: Uint8Array): string {
  const taken = shortestWay(bytes);
  const packed: number[] = [];
  const rest = (length: number) => {
    if (length < 15) return;
    for (let left = length - 15; ; left -= 255) {
      packed.push(Math.min(left, 255));
      if (left < 255) return;
    }
  };
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (end < bytes.length && !taken[end]) end++;
    const { length, distance } = taken[end] ?? { length: shortestCopy, distance: 0 };
    packed.push((Math.min(15, end - at) << 4) | Math.min(15, length - shortestCopy));
    rest(end - at);
    packed.push(...bytes.subarray(at, end));
    if (end === bytes.length) break;
    packed.push(distance & 255, distance >> 8);
    rest(length - shortestCopy);
    at = end + length;
  }
  return Buffer.from(packed).toString("base64");
}
