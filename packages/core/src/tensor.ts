// The tensor: a shape and strides over a block of the heap, and its node in the graph. Knows memory, but no op by name.
// `autograd/define-op.ts` creates tensors from others, `autograd/tape.ts` computes gradients, `scope.ts` frees memory.
import type { DType, NumericArray } from "./dtype.ts";
import { bytesPerElement, requireOneDType, typedArrayOf } from "./dtype.ts";
import { ReleasedError, ShapeError, ValueError } from "./errors.ts";
import { heap } from "./memory/heap.ts";
import type { Filling } from "./memory/storage.ts";
import { Storage } from "./memory/storage.ts";
import { observer, refuseHostAccess } from "./observer.ts";
import { describeTensor, nest, printTensor } from "./printing.ts";
import type { NestedNumbers, Shape } from "./shape.ts";
import { contiguousStrides, formatShape, isContiguous, sameShape, sizeOf } from "./shape.ts";
import { copyStrided } from "./strided-copy.ts";

/** How a tensor was computed: a node of the computational graph, kept for the backward pass. */
export interface Node {
  readonly op: string;
  /** Position on the tape: every input's number is smaller. */
  readonly order: number;
  /** Empty after the graph was released. */
  inputs: readonly Tensor[];
  output: Tensor;
  /** True for the inputs that get a gradient. */
  readonly differentiable: (index: number) => boolean;
  /** Gradient of input `index` from the output's. With a `sum`, it may be added there, and is `sum` then. */
  vjp: (index: number, dy: Tensor, sum?: Tensor | null) => Tensor;
  /** @internal Replaces `vjp`: the part of the graph that this node represents, recorded again when it is needed. */
  segment: Segment | null;
  /** @internal The backward pass that recorded it, if any. */
  pass: Pass | null;
  /** True once `backward` has freed what it needs. */
  released: boolean;
}

/** A part of the tape that is recorded again for the backward pass: the nodes from number `start` on. */
export interface Segment {
  readonly start: number;
  /** Records it; the result equals the node's. */
  readonly record: () => Tensor;
}

/** A recorded backward pass: the nodes that it walked, and the tensors that it created. */
export interface Pass {
  nodes: readonly Node[];
  tensors: Iterable<Tensor>;
}

/** Called with the gradient of a tensor; a returned tensor replaces it. */
export type GradientHook = ((gradient: Tensor) => void) | ((gradient: Tensor) => Tensor | undefined);

/** Called with each new tensor, and when its memory is freed by hand; `scope.ts` implements it. */
export interface Ownership {
  created(tensor: Tensor): void;
  disposed(tensor: Tensor): void;
}

const readAdvice = "return the tensor, and read it after the call";

/** The safety net: a tensor without an owner is freed when it is garbage-collected. */
const collected = new FinalizationRegistry<Storage>((storage) => storage.release());

let ownership: Ownership = {
  created: (tensor) => collected.register(tensor, tensor.storage, tensor),
  disposed: (tensor) => collected.unregister(tensor),
};

/** Ownership outside of any scope: the garbage collector's. */
export const collectorOwnership = ownership;

export function setOwnership(next: Ownership): void {
  ownership = next;
}

/** What a tensor that is all of its block is still to be filled with, if it is. */
function fillingOf(x: Tensor): Filling | null {
  const { filling, bytes } = x.storage;
  return filling && x.contiguous && x.size * bytesPerElement[x.dtype] === bytes ? filling : null;
}

/**
 * An n-dimensional array of numbers. Created by `tensor`, `zeros`, … and by ops; only optimizers and `copyFrom` change
 * it in place.
 */
export class Tensor {
  readonly shape: Shape;
  /** Elements to step per axis. */
  readonly strides: Shape;
  /** Offset of the first element from the start of the storage. */
  readonly offset: number;
  readonly dtype: DType;
  /** How it was computed; null for leaves and for results without a gradient. */
  node: Node | null = null;
  /** Called in order with its gradient, in every backward pass. */
  hooks: Set<GradientHook> | null = null;
  /** True for a number that an op turned into a tensor: freed with its graph. */
  constant = false;
  /** Set by `keep`: survives scopes and `backward`. */
  kept = false;
  #storage: Storage | null;
  #released = "";
  #grad: Tensor | null = null;
  #requiresGrad = false;
  #frozen = false;

  constructor(storage: Storage, shape: Shape, strides: Shape, offset: number, dtype: DType) {
    this.#storage = storage;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.dtype = dtype;
    storage.retain();
    ownership.created(this);
  }

  /** A new contiguous tensor with uninitialized elements. `holder` names it when memory runs out. */
  static allocate(shape: Shape, dtype: DType, holder: string): Tensor {
    return Tensor.over(Storage.allocate(sizeOf(shape) * bytesPerElement[dtype], holder), shape, dtype);
  }

  /** A contiguous tensor over an existing block. */
  static over(storage: Storage, shape: Shape, dtype: DType): Tensor {
    return new Tensor(storage, shape, contiguousStrides(shape), 0, dtype);
  }

  /** Its block. */
  get storage(): Storage {
    if (this.#storage === null) {
      throw new ReleasedError(
        `tensor ${formatShape(this.shape)}: its memory was given back by ${this.#released}; ` +
          "read it before, or keep() it",
      );
    }
    observer()?.uses(this, this.#storage, this.#storage.offset + this.offset * bytesPerElement[this.dtype]);
    return this.#storage;
  }

  /** True for leaves whose gradient `backward` should write to `grad`. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  /** Setting it to false freezes a tensor that had it. */
  set requiresGrad(requiresGrad: boolean) {
    this.#frozen = !requiresGrad && (this.#requiresGrad || this.#frozen);
    this.#requiresGrad = requiresGrad;
  }

  /** True once `requiresGrad` was switched off: it remains a module's parameter, and optimizers do not change it. */
  get frozen(): boolean {
    const frozen = this.#frozen;
    observer()?.dependsOn(() => this.#frozen === frozen);
    return frozen;
  }

  /** The accumulated gradient of a leaf, of the same shape; null before the first `backward`. */
  get grad(): Tensor | null {
    observer()?.readsGrad(this, this.#grad);
    return this.#grad;
  }

  /** Leaves the old gradient to the garbage collector; `clearGrad` frees it at once. */
  set grad(grad: Tensor | null) {
    this.#grad = grad;
    observer()?.writesGrad(this, grad);
  }

  /** Frees the gradient, and sets it to null. */
  clearGrad(): void {
    this.#grad?.dispose();
    this.#grad = null;
    observer()?.clearsGrad(this);
  }

  /** Byte offset of the first element in the heap. */
  get address(): number {
    return this.storage.offset + this.offset * bytesPerElement[this.dtype];
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** True if its elements lie in row-major order without gaps. */
  get contiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** True if gradients flow to or through it. */
  get tracked(): boolean {
    return this.requiresGrad || this.node !== null;
  }

  /** False once its memory is freed. */
  get alive(): boolean {
    return this.#storage !== null;
  }

  /** Another view of the same elements. */
  view(shape: Shape, strides: Shape, offset = this.offset): Tensor {
    return new Tensor(this.storage, shape, strides, offset, this.dtype);
  }

  /**
   * The elements as a typed array over the heap itself, without a copy; the tensor must be contiguous. After the tensor
   * is freed, the array shows whatever is stored there next. To keep the numbers, use `toArray()`.
   */
  data(): NumericArray {
    refuseHostAccess("data()", readAdvice);
    if (!this.contiguous) throw new ShapeError(`data: tensor ${formatShape(this.shape)} is not contiguous`);
    const start = this.address / bytesPerElement[this.dtype];
    return heap()[this.dtype].subarray(start, start + this.size);
  }

  /** A copy of the elements in row-major order, in a new typed array. */
  toArray(): NumericArray {
    refuseHostAccess("toArray()", readAdvice);
    const dense = contiguous(this);
    const copy = new typedArrayOf[this.dtype](dense.data());
    if (dense !== this) dense.dispose();
    return copy;
  }

  /** A copy of the elements as nested arrays, one level per axis; a number for a scalar. */
  toNested(): NestedNumbers {
    return nest(this.toArray(), this.shape);
  }

  /**
   * Shape, dtype and elements, for people: `Tensor [3] float32 [1, 2, 3]`, matrices row by row. Four decimals; above
   * 1000 elements, only the first and last three per axis. Never throws.
   */
  toString(): string {
    if (this.#storage === null) return `${describeTensor(this)} (released by ${this.#released})`;
    return printTensor(this);
  }

  /**
   * In a template string, a tensor becomes its `toString()`. Used as a number, as in `step * 0.1` or `loss > 1`, it
   * throws: JavaScript would silently continue with NaN or false.
   */
  [Symbol.toPrimitive](hint: "string" | "number" | "default"): string {
    if (hint === "string") return this.toString();
    throw new ValueError(
      `${describeTensor(this)} is used as a JavaScript number; compute with it by operations of tensors, such as mul(x, 0.1), maximum or where, or read it with item()`,
    );
  }

  /** What `console.log` and `util.inspect` of Node.js show: `toString()`, or, deep inside other objects, just the header. */
  [Symbol.for("nodejs.util.inspect.custom")](depth: number): string {
    return depth < 0 ? `[${describeTensor(this)}]` : this.toString();
  }

  /** The value of a tensor with one element. */
  item(): number {
    refuseHostAccess("item()", readAdvice);
    if (this.size !== 1) {
      throw new ShapeError(`item: got shape ${formatShape(this.shape)}, expected one element; use toArray()`);
    }
    return heap()[this.dtype][this.address / bytesPerElement[this.dtype]]!;
  }

  /** Overwrites the elements, which must be contiguous, with numbers or with a tensor of its shape and dtype. */
  copyFrom(source: ArrayLike<number> | Tensor): this {
    if (!this.contiguous) {
      throw new ShapeError(
        `copyFrom: tensor ${formatShape(this.shape)} is not contiguous; copy to what it is a view of`,
      );
    }
    if (source instanceof Tensor) {
      requireOneDType("copyFrom", this.dtype, source.dtype);
      if (!sameShape(source.shape, this.shape)) {
        throw new ShapeError(
          `copyFrom: got shape ${formatShape(source.shape)}, expected ${formatShape(this.shape)}; reshape the source`,
        );
      }
      // If the source is its own elements in another order, read all of them before overwriting any.
      const filling = fillingOf(this) && fillingOf(source);
      if (filling) this.storage.fillLater(filling);
      else if (source.storage === this.storage) this.data().set(source.toArray());
      else copyStrided(source, this);
      return this;
    }
    refuseHostAccess("copyFrom() of numbers", "pass them as a tensor");
    if (source.length !== this.size) {
      throw new ShapeError(
        `copyFrom: got ${source.length} elements for shape ${formatShape(this.shape)}, expected ${this.size}`,
      );
    }
    this.data().set(source);
    return this;
  }

  /** Protects it from scopes and from `backward`; it lives until `dispose()` or garbage collection. */
  keep(): this {
    if (!this.kept) {
      this.kept = true;
      ownership.disposed(this);
      collectorOwnership.created(this);
    }
    return this;
  }

  /**
   * Moves it to another block, where it is contiguous. Its views stay where they are.
   *
   * @param contents "copy" takes its elements along; "adopt" uses those in the block
   */
  moveTo(storage: Storage, contents: "copy" | "adopt" = "copy"): void {
    const filling = this.alive ? fillingOf(this) : null;
    const values = contents === "copy" && !filling ? this.toArray() : undefined;
    storage.retain();
    this.dispose();
    this.#storage = storage;
    this.#released = "";
    (this as { offset: number }).offset = 0;
    (this as { strides: Shape }).strides = contiguousStrides(this.shape);
    if (values) this.data().set(values);
    else if (contents === "copy") filling?.writeAt(storage.offset);
    (this.kept ? collectorOwnership : ownership).created(this);
  }

  /** Frees the memory now. Calling it twice does no harm. */
  dispose(by = "dispose()"): void {
    if (this.#storage === null) return;
    if (this.kept) collectorOwnership.disposed(this);
    else ownership.disposed(this);
    this.#storage.release();
    this.#storage = null;
    this.#released = by;
  }

  /** `dispose()`, for `using x = …`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The tensor itself if contiguous, else a contiguous copy. Not recorded for gradients. */
export function contiguous(x: Tensor): Tensor {
  if (x.contiguous) return x;
  const y = Tensor.allocate(x.shape, x.dtype, "contiguous");
  copyStrided(x, y);
  return y;
}
