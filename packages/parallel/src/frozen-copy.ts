// Copies what a caller hands over, because the caller may change it before it is used.

/**
 * A deep, frozen copy of plain objects and arrays. Everything else in them stays the same object: functions, typed
 * arrays, signals, tensors.
 */
export function frozenCopy<T>(value: T): T {
  return copy(value, new Map()) as T;
}

function copy(value: unknown, copies: Map<object, object>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const known = copies.get(value);
  if (known) return known;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isArray = Array.isArray(value);
  if (!isArray && prototype !== Object.prototype && prototype !== null) return value;
  const own: Record<PropertyKey, unknown> = isArray
    ? ([] as never)
    : Object.create(prototype as object | null);
  copies.set(value, own);
  for (const key of Reflect.ownKeys(value)) {
    if (key === "length" && isArray) continue;
    const { enumerable } = Object.getOwnPropertyDescriptor(value, key)!;
    // Uses defineProperty, as assigning to `__proto__` would set the prototype.
    Object.defineProperty(own, key, {
      value: copy((value as typeof own)[key], copies),
      enumerable: enumerable!,
    });
  }
  return Object.freeze(own);
}
