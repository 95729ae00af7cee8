// Finds the functions and classes of a package that take an options object, from the shipped declarations.
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** Argument types that are data, with names chosen by the user or the library. */
const data = [
  /^(Readonly(Map)?<|Iterable<|ArrayLike<|(Float32|Float64|Int32|Uint8|Uint32|BigInt64|BigUint64)Array)/,
  /^(Allocator|ErrorOptions|Filling|Graph|Kernels|OptimizerStateDict|SafetensorsSource)$/,
  /^(CheckpointContent|CheckpointParts|Disk|Lock|Processes|Resumed|RunPosition|StoreEnvironment|Trained)$/,
  /^\{ (updates|readonly recordings|value|cause)/,
  /^\{\}$/,
];

function publicMembers(type: ts.Type): ts.Symbol[] {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return type.getProperties().filter((member) => {
    const declaration = member.valueDeclaration;
    if (!declaration || member.name.startsWith("__")) return false;
    return (ts.getCombinedModifierFlags(declaration) & hidden) === 0;
  });
}

/** `crossEntropy`, `Conv2d`, `Module.loadStateDict`, `init.kaimingNormal`, …: everything that takes an options object. */
export function takersOfOptions(name: "core" | "parallel", ...entries: string[]): string[] {
  const files = entries.map((entry) =>
    fileURLToPath(new URL(`../packages/${name}/dist/${entry}.d.ts`, import.meta.url)),
  );
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.esnext.d.ts"],
    types: [],
    strict: true,
  });
  const checker = program.getTypeChecker();
  const found = new Set<string>();

  const isOptions = (type: ts.Type): boolean => {
    if (type.isUnion()) return type.types.some(isOptions);
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return false;
    if (type.getCallSignatures().length + type.getConstructSignatures().length > 0) return false;
    // Arguments of activations after the first, as in `new GELU({ approximate: "tanh" })`.
    if (checker.isTupleType(type)) {
      return checker
        .getTypeArguments(type as ts.TypeReference)
        .some((part) => isOptions(checker.getNonNullableType(part)));
    }
    if (checker.isArrayType(type) || type.isClass()) return false;
    if (type.symbol?.flags & ts.SymbolFlags.Class) return false;
    return !data.some((pattern) => pattern.test(checker.typeToString(type)));
  };
  const lookAt = (taker: string, signatures: readonly ts.Signature[]) => {
    const parameters = signatures.flatMap((signature) => signature.getParameters());
    const types = parameters.map((parameter) => checker.getTypeOfSymbol(parameter));
    if (types.some((type) => isOptions(checker.getNonNullableType(type)))) found.add(taker);
  };
  const visit = (prefix: string, exported: ts.Symbol): void => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & (ts.SymbolFlags.ValueModule | ts.SymbolFlags.NamespaceModule)) {
      for (const member of checker.getExportsOfModule(symbol)) visit(`${exported.name}.`, member);
      return;
    }
    if (!(symbol.flags & ts.SymbolFlags.Value)) return;
    const type = checker.getTypeOfSymbol(symbol);
    const taker = prefix + exported.name;
    lookAt(taker, type.getCallSignatures());
    lookAt(taker, type.getConstructSignatures());
    if (!(symbol.flags & ts.SymbolFlags.Class)) return;
    for (const member of publicMembers(checker.getDeclaredTypeOfSymbol(symbol))) {
      const owner = (member as ts.Symbol & { parent?: ts.Symbol }).parent?.name ?? taker;
      lookAt(`${owner}.${member.name}`, checker.getTypeOfSymbol(member).getCallSignatures());
    }
  };
  for (const file of files) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
    for (const exported of checker.getExportsOfModule(module)) visit("", exported);
  }
  // One takes the inputs of `forward`, which checks its own; only `openCheckpoints` creates the other.
  for (const taker of ["Module.summary", "CheckpointStore"]) found.delete(taker);
  return [...found].sort();
}
