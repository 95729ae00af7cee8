// The zoo's networks in jax-js: parameters as a flat list in shardgrad's order, and functions from it to logits.
// Functions in jax-js own their arguments and consume each reference; a second use needs `.ref`.
import { lax, nn, numpy as np } from "@jax-js/jax";

/** `x w + bias`; weights are [in,out] here. */
const linear = (x, [w, b]) => np.add(np.matmul(x, w), b);

/** Shapes of the parameters, layer by layer; linear layers as [out,in], as in the files. */
function linearShapes(sizes) {
  return sizes.slice(1).flatMap((outputs, i) => [[outputs, sizes[i]], [outputs]]);
}

/** Linear layers over pairs of `parameters`, with ReLU between them. */
function linears(x, parameters) {
  let h = x;
  for (let i = 0; i < parameters.length; i += 2) {
    h = linear(i > 0 ? nn.relu(h) : h, parameters.slice(i, i + 2));
  }
  return h;
}

const mlp = {
  shapes: ({ sizes }) => linearShapes(sizes),
  inputShape: ({ sizes }) => [-1, sizes[0]],
  forward: (_) => (parameters, x) => linears(x, parameters),
};

function pool(x) {
  const [n, c, h, w] = x.shape;
  return np.max(np.reshape(x, [n, c, h / 2, 2, w / 2, 2]), [3, 5]);
}

function conv(x, w, b, padding) {
  const y = lax.convGeneralDilated(x, w, [1, 1], [padding, padding]);
  return np.add(y, np.reshape(b, [1, -1, 1, 1]));
}

const lenet5 = {
  shapes: () => [[6, 1, 5, 5], [6], [16, 6, 5, 5], [16], ...linearShapes([400, 120, 84, 10])],
  inputShape: () => [-1, 1, 28, 28],
  forward:
    (_) =>
    ([w1, b1, w2, b2, ...rest], x) => {
      const h = pool(nn.relu(conv(x, w1, b1, [2, 2])));
      return linears(np.reshape(pool(nn.relu(conv(h, w2, b2, [0, 0]))), [-1, 400]), rest);
    },
};

const layerNorm = (x, [w, b]) => np.add(np.multiply(nn.standardize(x), w), b);

const blockSize = 12;
const gpt = {
  shapes: ({ layers, width, context, vocabulary }) => [
    [vocabulary, width],
    [context, width],
    ...Array.from({ length: layers }, () => [
      ...linearShapes([width, 3 * width]),
      ...linearShapes([width, width]),
      ...linearShapes([width, 4 * width, width]),
      ...[[width], [width], [width], [width]],
    ]).flat(),
    [width],
    [width],
    ...linearShapes([width, vocabulary]),
  ],
  inputShape: ({ context }) => [-1, context],
  forward: (network) => (parameters, x) => {
    const { layers, heads, width, context, vocabulary } = network;
    const [tokens, positions] = parameters;
    const attention = (h, project, out) => {
      const parts = np.split(linear(h, project), 3, -1);
      const [q, k, v] = parts.map((part) => np.reshape(part, [-1, context, heads, width / heads]));
      const mixed = nn.dotProductAttention(q, k, v, { isCausal: true });
      return linear(np.reshape(mixed, [-1, context, width]), out);
    };
    // A product with one-hot rows, so that its gradient is a product, too.
    let h = np.add(np.matmul(nn.oneHot(x, vocabulary), tokens), positions);
    for (let layer = 0; layer < layers; layer++) {
      const at = 2 + layer * blockSize;
      const part = (i) => parameters.slice(at + i, at + i + 2);
      h = np.add(h.ref, attention(layerNorm(h, part(8)), part(0), part(2)));
      const hidden = nn.gelu(linear(layerNorm(h.ref, part(10)), part(4)), { approximate: false });
      h = np.add(h, linear(hidden, part(6)));
    }
    const last = parameters.slice(2 + layers * blockSize);
    return np.reshape(linear(layerNorm(h, last.slice(0, 2)), last.slice(2)), [-1, vocabulary]);
  },
};

const kinds = { mlp, lenet5, gpt };

/** `{ parameters, inputShape, forward }`, the parameters as arrays with the given weights. */
export function makeNetwork(network, weights) {
  const kind = kinds[network.kind];
  let start = 0;
  // Embeddings are matrices, too, but must not be transposed.
  const embeddings = network.kind === "gpt" ? 2 : 0;
  const parameters = kind.shapes(network).map((shape, i) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const values = np.array(weights.slice(start, start + size)).reshape(shape);
    start += size;
    return shape.length === 2 && i >= embeddings ? np.transpose(values) : values;
  });
  return { parameters, inputShape: kind.inputShape(network), forward: kind.forward(network) };
}
