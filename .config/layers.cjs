// Who may import whom, for dependency-cruiser (`npm run layers`). The map is the table in the design: data flows
// from the coordinator down to the memory, and imports point the same way, never back up.
// Type imports count: naming a type is knowing it.
// Tests may look anywhere in their own package; most rules are about the code that ships.

const core = "^packages/core/src/";
const blas = "^packages/blas/src/";
const native = "^packages/native/src/";
const mpi = "^packages/mpi/src/";
const definitions = `${core}kernels/definitions/`;
const parallel = "^packages/parallel/src/";
const data = "^packages/data/src/";
const shardgrad = "^packages/shardgrad/src/";
const shipped = { pathNot: "\\.test\\.ts$" };

/** A layer member is a file or a folder: "memory" is memory.ts or memory/. */
const members = (root, names) => `${root}(${names.join("|")})(\\.ts$|/)`;

/** Tensors and what is done with any op: a new op must never need a change in them. */
const engine = [
  ["observer", "printing", "strided-copy", "tensor", "require-tensor", "scope"],
  ["autograd"],
  ["capture"],
];
/** The rooms of core, from top to bottom, as its README has them. Families of ops stand one after the other. */
const layers = [
  ["arguments", "errors", "options", "pairwise", "shape", "dtype", "random"],
  ["memory"],
  ["kernels"],
  ...engine,
  ["ops/create"],
  ["ops/shape"],
  ["ops/arithmetic"],
  ["ops/indexing"],
  ["ops/reductions"],
  ["ops/linear-algebra"],
  ["ops/activations"],
  ["ops/normalization", "ops/convolution"],
  ["ops/sequence-models"],
  ["ops/index", "io"],
  ["nn", "losses", "optim", "testing", "gradient-free"],
];
/** The rooms of the kernels' definitions: what kernels share, then the families of kernels. */
const definitionRooms = [
  ["loops", "math"],
  ["memory", "elementwise", "training", "rows", "channels", "products", "convolution", "pooling"],
  ["index"],
];
/** The rooms of parallel, from left to right: each member is a file or a folder, as above. Its README says what they are. */
const rooms = [
  ["errors", "check-parts", "frozen-copy", "state", "params", "node-version", "own-folder", "surroundings"],
  ["data", "checkpoint"],
  ["shared"],
  ["metrics"],
  ["job"],
  ["step"],
  ["machines"],
  ["checks"],
  ["plan", "events", "onlooker"],
  ["protocol"],
  ["worker", "attempt"],
  ["run", "predict"],
  ["job-here"],
  ["training-run", "train", "profile-job", "graph-job", "load", "predict-rows", "evaluate"],
  ["index", "engine", "command", "worker-entry"],
];
/** What threads share, as their README has it: single words, tables, flat arrays, where all of it lies, copies of it. */
const sharedRooms = [["words"], ["tables"], ["arrays"], ["layout"], ["snapshots", "bind-model", "digest"]];
/** The rooms of native, those of mpi, of data, and of shardgrad, from left to right. */
const nativeRooms = [
  ["errors"],
  ["assembler", "allocation"],
  ["x64", "arm64"],
  ["backends"],
  ["code"],
  ["embedded", "kernel-code.generated"],
  ["detect"],
  ["call"],
  ["self-check"],
  ["find-native"],
  ["use-native", "measure"],
  ["index"],
];
const mpiRooms = [
  ["errors"],
  ["native"],
  ["libraries"],
  ["find-mpi"],
  ["calls", "requests"],
  ["mpi-transport"],
  ["open-transport"],
  ["index"],
];
const dataRooms = [["errors", "check-options", "rows"], ["read"], ["table", "write"], ["index"]];
const shardgradRooms = [
  ["distinct-files", "watch-options", "kernels-text", "wrap"],
  ["log", "report", "trace"],
  ["watch"],
  ["onlookers"],
  ["train"],
  ["plots", "graph"],
  ["scale"],
  ["simulate"],
  ["doctor", "init"],
  ["measure"],
  ["index"],
  ["answers"],
  ["why"],
  ["cli"],
];
const coreEntry = `${core}(index|engine)\\.ts$`;
/** What the packages' tsup.config.ts build, one file each; and what the bench starts, which runs unbuilt. */
const entryPoints =
  "^packages/([^/]+/src/(index|engine|kernels|command|testing|worker-entry|x64/(library|definitions)|kernels/wasm/(module|wide-kernels)|node-version|measure|scale/sgemm-thread|cli/main|why/browser/main|report/page/page)|bench/src/(main|jobs/[^/]+|contenders/[^/]+))\\.ts$";

/** A level knows nothing of those above it. */
const upwards = (name, root, levels) =>
  levels.slice(0, -1).map((names, level) => ({
    name: `${name}-${level}`,
    comment: `${names.join(", ")}: know nothing of what comes after them in the table.`,
    severity: "error",
    from: { path: members(root, names), ...shipped },
    to: { path: members(root, levels.slice(level + 1).flat()) },
  }));

module.exports = {
  forbidden: [
    ...upwards("core-layer", core, layers),
    ...upwards("definition-room", definitions, definitionRooms),
    ...upwards("room", parallel, rooms),
    ...upwards("shared-room", `${parallel}shared/`, sharedRooms),
    ...upwards("native-room", native, nativeRooms),
    ...upwards("mpi-room", mpi, mpiRooms),
    ...upwards("data-room", data, dataRooms),
    ...upwards("shardgrad-room", shardgrad, shardgradRooms),
    {
      name: "file-without-a-layer",
      comment: "A new file takes its place in the tables above, or none of the layer rules would see it.",
      severity: "error",
      from: {},
      to: {
        path: [core, parallel, native, mpi, data, shardgrad],
        pathNot: [
          members(core, layers.flat()),
          coreEntry,
          members(parallel, rooms.flat()),
          members(native, nativeRooms.flat()),
          members(mpi, mpiRooms.flat()),
          members(data, dataRooms.flat()),
          members(shardgrad, shardgradRooms.flat()),
          "\\.d\\.ts$",
        ],
      },
    },
    {
      name: "file-without-a-room",
      comment:
        "A file beside the rooms of the definitions, or of what threads share, would escape their order.",
      severity: "error",
      from: {},
      to: {
        path: [definitions, `${parallel}shared/`],
        pathNot: [
          members(definitions, definitionRooms.flat()),
          members(`${parallel}shared/`, sharedRooms.flat()),
          shipped.pathNot,
        ],
      },
    },
    {
      name: "core-entry-is-for-users",
      comment: "index.ts and engine.ts import everything, so whoever imports them closes a cycle.",
      severity: "error",
      from: { path: core },
      to: { path: coreEntry },
    },
    {
      name: "core-stands-alone",
      comment: "core runs wherever JavaScript runs: no Node.js builtin, no package.",
      severity: "error",
      from: { path: core, ...shipped },
      to: { pathNot: core },
    },
    {
      name: "reference-kernels-stay-in-kernels",
      comment:
        "They are the oracle; whoever else calls them goes around the dispatch, and is slow unnoticed.",
      severity: "error",
      from: { path: core, pathNot: `${core}kernels/` },
      to: { path: `${core}kernels/reference` },
    },
    {
      name: "engine-knows-no-ops",
      comment: "Tensors, autograd and capture work for any op; a new op must never need a change in them.",
      severity: "error",
      from: { path: members(core, engine.flat()), ...shipped },
      to: { path: `${core}ops/` },
    },
    {
      name: "native-packages-stand-on-core",
      comment: "They give kernels to core; who trains with them is not their affair.",
      severity: "error",
      from: { path: "^packages/(blas|native)/src/", ...shipped },
      to: { path: "^packages/", pathNot: ["^packages/$1/src/", "^packages/core/dist/"] },
    },
    {
      name: "mpi-carries-bytes",
      comment: "parallel loads it, and says what it is to look like; what the bytes are is not its affair.",
      severity: "error",
      from: { path: mpi, ...shipped },
      to: {
        path: "^packages/",
        pathNot: [mpi, "^packages/core/dist/"],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "native-code-in-one-file",
      comment:
        "What goes on beyond the edge of the language is seen at one place; the bench measures what that costs.",
      severity: "error",
      from: {
        pathNot: [
          `${blas}native\\.ts$`,
          `${mpi}native\\.ts$`,
          `${native}code/foreign\\.ts$`,
          "^packages/native/testing/",
          "^packages/bench/src/kernels/native-call\\.ts$",
          shipped.pathNot,
        ],
      },
      to: { path: "(^|/)koffi/" },
    },
    {
      name: "threads-apart",
      comment:
        "The worker's thread and the main thread meet in protocol and shared memory only, not even through a third.",
      severity: "error",
      from: { path: `${parallel}worker/`, ...shipped },
      to: { path: `${parallel}(attempt|run)/`, reachable: true },
    },
    {
      name: "worker-is-started-by-its-url",
      comment: "The other direction: imported, it would run in the main thread.",
      severity: "error",
      from: { path: `${parallel}(attempt|run)/`, ...shipped },
      to: { path: `${parallel}worker/`, reachable: true },
    },
    {
      name: "packages-meet-by-name",
      comment: "A relative path into another package would load a second copy of it, beside the built one.",
      severity: "error",
      from: { path: "^(packages/[^/]+|examples)/" },
      to: { path: "^packages/", pathNot: "^$1/", dependencyTypes: ["local"] },
    },
    {
      name: "no-cycle",
      comment: "Whoever reads a cycle has no place to start; nor has the loader.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-dead-file",
      comment: "A file that no entry point reaches ships to nobody: delete it or export it.",
      severity: "error",
      from: { path: entryPoints },
      to: {
        path: "^packages/[^/]+/src/",
        pathNot: [entryPoints, shipped.pathNot, "\\.d\\.ts$"],
        reachable: false,
      },
    },
    {
      name: "declared-packages-only",
      comment: "tsup bundles a devDependency without a word, and users cannot install what is not declared.",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", ...shipped },
      // A peer that tests install, too, is declared.
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["npm-peer"] },
    },
    {
      name: "tests-are-leaves",
      comment: "What two tests share belongs in a file of its own.",
      severity: "error",
      from: {},
      to: { path: shipped.pathNot },
    },
    {
      name: "resolvable",
      comment: "An import that resolves to nothing escapes every rule above.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Built and foreign code is the end of an edge, never looked into.
    doNotFollow: { path: ["node_modules", "/dist/"] },
    // What the bench compares with is installed by the bench alone, so that its imports may resolve to nothing.
    exclude: { path: "^packages/bench/rivals/" },
    tsPreCompilationDeps: true,
    // Packages are resolved as Node.js does it, by the "exports" of their package.json.
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["node", "import", "default"] },
  },
};
