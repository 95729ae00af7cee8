// Imported first: says in one line that Node.js is too old, before a missing feature fails. So this package must not
// import new features by name: a missing name is an error before anything runs.
const oldest = { major: 22, minor: 18 };

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
  const error = new Error(
    `@shardgrad/parallel needs Node.js ${oldest.major}.${oldest.minor} or newer, and this is ${process.versions.node}; install a newer one, such as from https://nodejs.org`,
  );
  // The stack would tell nothing.
  error.stack = `Error: ${error.message}`;
  throw error;
}

export {};
