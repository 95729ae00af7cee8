// An in-memory disk on which any operation can fail, and after any operation the process can die or the power can go.
// It tells what is visible from what survives a power cut: contents until the file is synced, names until their
// directory is.
import type { Disk, Kind, ReadableFile, WritableFile } from "../src/checkpoint/disk.ts";

/** Thrown by the operation that kills the process, and by all later ones. */
export class Crash extends Error {
  override name = "Crash";
}

/** What happens at an operation. */
export interface Incident {
  /** The operation's number, counted from 0; or a pattern of its log line, for the first match from now on. */
  at: number | RegExp;
  /** An error code; or `crash`: the operation happens, and then the process is dead. */
  kind: "crash" | "ENOSPC" | "EIO" | "EACCES";
  /** For an error: whether the operation happens nevertheless; for a write, half of it. */
  done?: boolean;
  /** For an error: whether all later operations fail, too; for a pattern, until the incident is over. */
  lasting?: boolean;
}

interface FileNode {
  bytes: Uint8Array;
  /** What a power cut leaves of it, if its name survives. */
  synced: Uint8Array;
}

interface DirectoryNode {
  identity: number;
  names: Map<string, Node>;
  /** Names that survive a power cut, apart from `pending`. */
  synced: Map<string, Node>;
  /** Changes since the last sync; each may or may not survive. */
  pending: ((names: Map<string, Node>) => void)[];
}

type Node = FileNode | DirectoryNode;

const isDirectory = (node: Node | undefined): node is DirectoryNode => node !== undefined && "names" in node;
let directories = 0;
const emptyDirectory = (): DirectoryNode => ({
  identity: directories++,
  names: new Map(),
  synced: new Map(),
  pending: [],
});

/** Possible remains of an unsynced file's content. */
const leftovers: readonly ((file: FileNode) => Uint8Array)[] = [
  ({ synced }) => synced,
  ({ bytes }) => bytes,
  ({ bytes }) => bytes.slice(0, bytes.length >> 1),
  ({ bytes }) => new Uint8Array(bytes.length),
];

function fail(code: string, operation: string, path: string): never {
  throw Object.assign(new Error(`${code}: simulated, ${operation} '${path}'`), { code });
}

/** See the top of the file. Paths are absolute, with forward slashes. */
export class SimulatedDisk implements Disk {
  /** The operations so far: `write /a/b`. */
  readonly log: string[] = [];
  incident: Incident | undefined;
  #root: DirectoryNode = emptyDirectory();
  #dead = false;
  #broken: string | undefined;

  async list(directory: string): Promise<string[]> {
    return this.#do("list", directory, () => [...this.#directory("list", directory).names.keys()]);
  }

  async makeDirectory(path: string): Promise<void> {
    return this.#do("makeDirectory", path, () => this.#add("makeDirectory", path, emptyDirectory()));
  }

  async create(path: string): Promise<WritableFile> {
    const file: FileNode = { bytes: new Uint8Array(), synced: new Uint8Array() };
    await this.#do("create", path, () => this.#add("create", path, file));
    const append = (bytes: Uint8Array) => {
      const longer = new Uint8Array(file.bytes.length + bytes.length);
      longer.set(file.bytes);
      longer.set(bytes, file.bytes.length);
      file.bytes = longer;
    };
    return {
      write: (bytes) =>
        this.#do(
          "write",
          path,
          () => append(bytes),
          () => append(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () =>
        this.#do("sync", path, () => {
          file.synced = file.bytes;
        }),
      close: () => this.#do("close", path, () => undefined),
    };
  }

  async kindOf(path: string): Promise<Kind> {
    return this.#do("kindOf", path, () => {
      const node = this.#node(path) ?? fail("ENOENT", "kindOf", path);
      return isDirectory(node) ? "directory" : "file";
    });
  }

  async identityOf(path: string): Promise<string> {
    return this.#do("identityOf", path, () => String(this.#directory("identityOf", path).identity));
  }

  async read(path: string, most: number): Promise<Uint8Array> {
    return this.#do("read", path, () => {
      const { bytes } = this.#file("read", path);
      return bytes.length > most ? fail("EFBIG", "read", path) : bytes.slice();
    });
  }

  async open(path: string): Promise<ReadableFile> {
    return this.#do("open", path, () => {
      const file = this.#file("open", path);
      return {
        bytes: file.bytes.length,
        read: (start, into) => into.set(file.bytes.subarray(start, start + into.length)),
        close: () => Promise.resolve(),
      };
    });
  }

  async rename(from: string, to: string): Promise<void> {
    return this.#do("rename", from, () => {
      const node = this.#node(from) ?? fail("ENOENT", "rename", from);
      const taken = this.#node(to);
      // As on POSIX, a file replaces a file, and a directory replaces an empty one.
      if (isDirectory(taken) && taken.names.size > 0) fail("ENOTEMPTY", "rename", to);
      const [parent, name] = this.#split("rename", to);
      const [before, old] = this.#split("rename", from);
      if (parent !== before) throw new Error("not simulated: a rename to another directory");
      this.#change(parent, (names) => {
        names.delete(old);
        names.set(name, node);
      });
    });
  }

  async link(from: string, to: string): Promise<void> {
    return this.#do("link", to, () => this.#add("link", to, this.#file("link", from)));
  }

  async removeFile(path: string): Promise<void> {
    return this.#do("removeFile", path, () => {
      this.#file("removeFile", path);
      this.#delete("removeFile", path);
    });
  }

  async removeDirectory(path: string): Promise<void> {
    return this.#do("removeDirectory", path, () => {
      if (this.#directory("removeDirectory", path).names.size > 0) fail("ENOTEMPTY", "removeDirectory", path);
      this.#delete("removeDirectory", path);
    });
  }

  async syncDirectory(path: string): Promise<void> {
    return this.#do("syncDirectory", path, () => {
      const node = this.#directory("syncDirectory", path);
      node.synced = new Map(node.names);
      node.pending = [];
    });
  }

  /** Changes a file outside of the log. */
  alter(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const file = this.#file("alter", path);
    file.bytes = change(file.bytes);
    file.synced = file.bytes;
  }

  /** The same disk for a new process: everything that was visible. */
  afterCrash(): SimulatedDisk {
    return this.#copy(
      (node) => new Map(node.names),
      ({ bytes }) => bytes,
    );
  }

  /** Every disk that a power cut may leave; some may be equal. */
  *afterPowerCut(): Generator<SimulatedDisk> {
    const pending = [...this.#directories(this.#root)].map(({ pending: { length } }) => length);
    const changes = pending.reduce((sum, count) => sum + count, 0);
    for (let chosen = 0; chosen < 2 ** changes; chosen++) {
      for (const content of leftovers) {
        let bit = 0;
        const survivors = new Map<DirectoryNode, Map<string, Node>>();
        for (const node of this.#directories(this.#root)) {
          const names = new Map(node.synced);
          for (const change of node.pending) if ((chosen >> bit++) & 1) change(names);
          survivors.set(node, names);
        }
        const contentOf = (file: FileNode) => (file.bytes === file.synced ? file.bytes : content(file));
        yield this.#copy((node) => survivors.get(node) ?? new Map(node.synced), contentOf);
      }
    }
  }

  /** Its files and their contents, as one string. */
  toString(): string {
    const lines = (node: Node, path: string): string[] =>
      isDirectory(node)
        ? [`${path}/`, ...[...node.names].sort().flatMap(([name, child]) => lines(child, `${path}/${name}`))]
        : [`${path}: ${Buffer.from(node.bytes).toString("base64")}`];
    return lines(this.#root, "").join("\n");
  }

  #copy(
    namesOf: (node: DirectoryNode) => Map<string, Node>,
    contentOf: (file: FileNode) => Uint8Array,
  ): SimulatedDisk {
    // A file may have two names.
    const copies = new Map<Node, Node>();
    const copyOf = (node: Node): Node => {
      const known = copies.get(node);
      if (known) return known;
      if (!isDirectory(node)) {
        const bytes = contentOf(node);
        const file = { bytes, synced: bytes };
        copies.set(node, file);
        return file;
      }
      const names = new Map([...namesOf(node)].map(([name, child]) => [name, copyOf(child)]));
      const directory = { ...emptyDirectory(), identity: node.identity, names, synced: new Map(names) };
      copies.set(node, directory);
      return directory;
    };
    const disk = new SimulatedDisk();
    disk.#root = copyOf(this.#root) as DirectoryNode;
    return disk;
  }

  *#directories(node: DirectoryNode): Generator<DirectoryNode> {
    yield node;
    for (const child of new Set([...node.names.values(), ...node.synced.values()])) {
      if (isDirectory(child)) yield* this.#directories(child);
    }
  }

  async #do<T>(operation: string, path: string, act: () => T, actHalf: () => unknown = act): Promise<T> {
    if (this.#dead) throw new Crash();
    if (this.#broken !== undefined) fail(this.#broken, operation, path);
    const { incident } = this;
    const line = `${operation} ${path}`;
    const now = incident && this.#isAt(incident, line);
    this.log.push(line);
    if (!incident || !now) return act();
    if (incident.kind === "crash") {
      this.#dead = true;
      act();
      throw new Crash();
    }
    if (typeof incident.at !== "number") this.incident = incident.lasting ? incident : undefined;
    else if (incident.lasting) this.#broken = incident.kind;
    if (incident.done) actHalf();
    return fail(incident.kind, operation, path);
  }

  #isAt({ at }: Incident, line: string): boolean {
    return typeof at === "number" ? at === this.log.length : at.test(line);
  }

  #node(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split("/").slice(1)) {
      if (!isDirectory(node)) return undefined;
      node = node.names.get(name);
    }
    return node;
  }

  #directory(operation: string, path: string): DirectoryNode {
    const node = path === "/" ? this.#root : this.#node(path);
    if (!node) return fail("ENOENT", operation, path);
    return isDirectory(node) ? node : fail("ENOTDIR", operation, path);
  }

  #file(operation: string, path: string): FileNode {
    const node = this.#node(path);
    if (!node) return fail("ENOENT", operation, path);
    return isDirectory(node) ? fail("EISDIR", operation, path) : node;
  }

  #split(operation: string, path: string): [parent: DirectoryNode, name: string] {
    const cut = path.lastIndexOf("/");
    return [this.#directory(operation, path.slice(0, cut) || "/"), path.slice(cut + 1)];
  }

  #change(parent: DirectoryNode, change: (names: Map<string, Node>) => void): void {
    change(parent.names);
    parent.pending.push(change);
  }

  #add(operation: string, path: string, node: Node): void {
    const [parent, name] = this.#split(operation, path);
    if (parent.names.has(name)) fail("EEXIST", operation, path);
    this.#change(parent, (names) => void names.set(name, node));
  }

  #delete(operation: string, path: string): void {
    const [parent, name] = this.#split(operation, path);
    this.#change(parent, (names) => void names.delete(name));
  }
}
