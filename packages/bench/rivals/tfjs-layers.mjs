// Layers for training with TensorFlow.js on its WASM backend, where that backend is weak. Its product of transposed
// matrices is a plain loop, many times slower than the product of untransposed ones. It has no gradient of a
// convolution's filter. So these layers compute their gradients with operations that it does well.
import tf from "@tensorflow/tfjs";

const product = (a, b) => tf.matMul(a, b);

/** `x w + bias` for `x [n,in]`, `w [in,out]`; if `x` is data, it needs no gradient. */
export function linear(x, { w, b }, needsInputGradient = true) {
  if (!needsInputGradient) {
    return tf.customGrad((w, b) => ({
      value: tf.add(product(x, w), b),
      gradFunc: (dy) => [product(tf.transpose(x), dy), tf.sum(dy, 0)],
    }))(w, b);
  }
  return tf.customGrad((x, w, b, save) => {
    save([x, w]);
    return {
      value: tf.add(product(x, w), b),
      gradFunc: (dy, [x, w]) => [product(dy, tf.transpose(w)), product(tf.transpose(x), dy), tf.sum(dy, 0)],
    };
  })(x, w, b);
}

/** A lookup as a product with precomputed one-hot rows: the backend has no gradient of `gather`. */
export function lookup(oneHot, w) {
  return tf.customGrad((w) => ({
    value: product(oneHot, w),
    gradFunc: (dy) => product(tf.transpose(oneHot), dy),
  }))(w);
}

/** Both gradients of a convolution are convolutions: of the input with dy, and of padded dy with the flipped filter. */
export function conv2d(x, { w, b }, needsInputGradient = true) {
  const filterGradient = (x, dy) => {
    const turned = tf.conv2d(tf.transpose(x, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3]), 1, "valid");
    return tf.transpose(turned, [1, 2, 0, 3]);
  };
  const inputGradient = (dy, w) => {
    const edge = [w.shape[0] - 1, w.shape[0] - 1];
    const padded = tf.pad(dy, [[0, 0], edge, edge, [0, 0]]);
    return tf.conv2d(padded, tf.transpose(tf.reverse(w, [0, 1]), [0, 1, 3, 2]), 1, "valid");
  };
  const value = (x, w, b) => tf.add(tf.conv2d(x, w, 1, "valid"), b);
  if (!needsInputGradient) {
    return tf.customGrad((w, b) => ({
      value: value(x, w, b),
      gradFunc: (dy) => [filterGradient(x, dy), tf.sum(dy, [0, 1, 2])],
    }))(w, b);
  }
  return tf.customGrad((x, w, b, save) => {
    save([x, w]);
    return {
      value: value(x, w, b),
      gradFunc: (dy, [x, w]) => [inputGradient(dy, w), filterGradient(x, dy), tf.sum(dy, [0, 1, 2])],
    };
  })(x, w, b);
}

/** Over the last axis. */
export function layerNorm(x, { w, b }) {
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), w), b);
}

export function gelu(x) {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}

/** `x [n·time, width]`; `mask [time,time]` is 0 or a large negative number. */
export function attention(x, { project, out }, { heads, width, context }, mask) {
  const size = width / heads;
  const [q, k, v] = tf
    .split(linear(x, project), 3, 1)
    .map((part) => tf.transpose(tf.reshape(part, [-1, context, heads, size]), [0, 2, 1, 3]));
  const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), size ** -0.5), mask);
  const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
  return linear(tf.reshape(mixed, [-1, width]), out);
}
