// Imported before anything else: says in one line that Node.js is too old, before something fails that it does not have. So what
// is new in it must not be imported by name where this package is imported: a missing name is an error before anything runs.
const oldest = { major: 22, minor: 18 };

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
  const error = new Error(
    `@shardgrad/parallel needs Node.js ${oldest.major}.${oldest.minor} or newer, and this is ${process.versions.node}; install a newer one, such as from https://nodejs.org`,
  );
  // Where it was thrown tells nothing.
  error.stack = `Error: ${error.message}`;
  throw error;
}
