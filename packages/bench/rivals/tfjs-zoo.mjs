// The zoo's networks in TensorFlow.js: variables in the order of shardgrad's parameters, and functions from them to
// logits. Weights of linear layers are [in,out] here, images [n,h,w,channels].
import tf from "@tensorflow/tfjs";
import { attention, conv2d, gelu, layerNorm, linear, lookup } from "./tfjs-layers.mjs";

/** Reads `weights` front to back; every call makes the variables of one layer. */
function layerReader(weights) {
  let start = 0;
  const take = (shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    start += size;
    return tf.tensor(weights.subarray(start - size, start), shape);
  };
  const variable = (make) => tf.variable(tf.tidy(make));
  return {
    linear: (inputs, outputs) => ({
      w: variable(() => tf.transpose(take([outputs, inputs]))),
      b: variable(() => take([outputs])),
    }),
    /** A linear layer after a flattened [channels,h,w], which is [h,w,channels] here. */
    linearOfPixels: (channels, pixels, outputs) => ({
      w: variable(() =>
        tf.reshape(tf.transpose(take([outputs, channels, pixels])), [pixels * channels, outputs]),
      ),
      b: variable(() => take([outputs])),
    }),
    conv2d: (channels, filters, side) => ({
      w: variable(() => tf.transpose(take([filters, channels, side, side]), [2, 3, 1, 0])),
      b: variable(() => take([filters])),
    }),
    vectors: (rows, width) => ({ w: variable(() => take([rows, width])) }),
    norm: (width) => ({ w: variable(() => take([width])), b: variable(() => take([width])) }),
  };
}

function mlp({ sizes }, read) {
  const layers = sizes.slice(1).map((outputs, i) => read.linear(sizes[i], outputs));
  const forward = (x) => layers.reduce((h, layer, i) => linear(i > 0 ? tf.relu(h) : h, layer, i > 0), x);
  return { input: (x) => x, forward };
}

function lenet5(_, read) {
  const convolutions = [read.conv2d(1, 6, 5), read.conv2d(6, 16, 5)];
  const layers = [read.linearOfPixels(16, 25, 120), read.linear(120, 84), read.linear(84, 10)];
  const pool = (x) => tf.maxPool(tf.relu(x), 2, 2, "valid");
  const forward = (x) => {
    const h = pool(conv2d(pool(conv2d(x, convolutions[0], false)), convolutions[1]));
    return layers.reduce((h, layer, i) => linear(i > 0 ? tf.relu(h) : h, layer), tf.reshape(h, [-1, 400]));
  };
  // The data includes the first convolution's padding.
  const edge = [2, 2];
  const input = (x) => tf.pad(tf.reshape(x, [-1, 28, 28, 1]), [[0, 0], edge, edge, [0, 0]]);
  return { input, forward };
}

function gpt(network, read) {
  const { layers, width, context, vocabulary } = network;
  const tokens = read.vectors(vocabulary, width);
  const positions = read.vectors(context, width);
  const blocks = Array.from({ length: layers }, () => ({
    attention: { project: read.linear(width, 3 * width), out: read.linear(width, width) },
    linear1: read.linear(width, 4 * width),
    linear2: read.linear(4 * width, width),
    norm1: read.norm(width),
    norm2: read.norm(width),
  }));
  const norm = read.norm(width);
  const head = read.linear(width, vocabulary);
  const ones = tf.ones([context, context]);
  const mask = tf.mul(tf.sub(tf.linalg.bandPart(ones, -1, 0), 1), 1e30);
  const forward = (oneHot) => {
    const embedded = tf.reshape(lookup(oneHot, tokens.w), [-1, context, width]);
    let h = tf.reshape(tf.add(embedded, positions.w), [-1, width]);
    for (const block of blocks) {
      h = tf.add(h, attention(layerNorm(h, block.norm1), block.attention, network, mask));
      h = tf.add(h, linear(gelu(linear(layerNorm(h, block.norm2), block.linear1)), block.linear2));
    }
    return linear(layerNorm(h, norm), head);
  };
  const input = (x) => tf.cast(tf.oneHot(tf.reshape(x, [-1]), vocabulary), "float32");
  return { input, forward };
}

/** A network with the given initial weights. `input` converts data for `forward`, which returns logits. */
export function makeNetwork(network, weights) {
  const make = { mlp, lenet5, gpt }[network.kind];
  return make(network, layerReader(weights));
}
