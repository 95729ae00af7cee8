"""The networks of the zoo in JAX: parameters as a list in shardgrad's order, and functions of it to logits. Matrices are
[in,out], images [samples,height,width,channels], as XLA has them for the CPU."""
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BLOCK_PARAMETERS = 12
NORM_EPSILON = 1e-5


def linear_shapes(sizes):
    """Shapes as in the file: [out,in]."""
    return [shape for inputs, outputs in zip(sizes, sizes[1:]) for shape in ((outputs, inputs), (outputs,))]


def linear(x, parameters):
    w, b = parameters
    return x @ w + b


def linears(x, parameters):
    """Linear layers over pairs of parameters, with ReLU between them."""
    for i in range(0, len(parameters), 2):
        x = linear(jax.nn.relu(x) if i > 0 else x, parameters[i : i + 2])
    return x


def convolution(x, w, b, padding):
    layouts = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, (1, 1), [(padding, padding)] * 2, dimension_numbers=layouts) + b


def pool(x):
    """Maxima of 2 × 2. XLA makes quicker code of slices than of a window, or of two axes."""
    rows = jnp.maximum(x[:, ::2], x[:, 1::2])
    return jnp.maximum(rows[:, :, ::2], rows[:, :, 1::2])


def lenet5(parameters, x):
    w1, b1, w2, b2, *rest = parameters
    x = pool(jax.nn.relu(convolution(x, w1, b1, 2)))
    x = pool(jax.nn.relu(convolution(x, w2, b2, 0)))
    return linears(x.transpose(0, 3, 1, 2).reshape(-1, 400), rest)


def layer_norm(x, parameters):
    w, b = parameters
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + NORM_EPSILON) * w + b


def attention(x, heads, project, out):
    """Causal."""
    batch, time, width = x.shape
    q, k, v = (part.reshape(batch, time, heads, width // heads) for part in jnp.split(linear(x, project), 3, -1))
    mixed = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    return linear(mixed.reshape(batch, time, width), out)


def gpt(heads, vocabulary):
    def forward(parameters, x):
        tokens, positions, *rest = parameters
        h = tokens[x] + positions
        while len(rest) > BLOCK_PARAMETERS:
            block, rest = rest[:BLOCK_PARAMETERS], rest[BLOCK_PARAMETERS:]
            project, out, wide, narrow, norm1, norm2 = (block[i : i + 2] for i in range(0, BLOCK_PARAMETERS, 2))
            h = h + attention(layer_norm(h, norm1), heads, project, out)
            h = h + linear(jax.nn.gelu(linear(layer_norm(h, norm2), wide), approximate=False), narrow)
        return linear(layer_norm(h, rest[:2]), rest[2:]).reshape(-1, vocabulary)

    return forward


def gpt_shapes(layers, width, context, vocabulary):
    block = [
        *linear_shapes([width, 3 * width]),
        *linear_shapes([width, width]),
        *linear_shapes([width, 4 * width, width]),
        *[(width,)] * 4,
    ]
    return [(vocabulary, width), (context, width), *block * layers, (width,), (width,), *linear_shapes([width, vocabulary])]


def make_network(network, weights):
    """The parameters, the function of them and of a batch, and the shape of a batch."""
    kind = network["kind"]
    if kind == "mlp":
        shapes, forward, input_shape = linear_shapes(network["sizes"]), lambda p, x: linears(x, p), (-1, network["sizes"][0])
    elif kind == "lenet5":
        shapes = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), *linear_shapes([400, 120, 84, 10])]
        forward, input_shape = lenet5, (-1, 28, 28, 1)
    else:
        layers, heads, width, context, vocabulary = (
            network[name] for name in ("layers", "heads", "width", "context", "vocabulary")
        )
        shapes = gpt_shapes(layers, width, context, vocabulary)
        forward, input_shape = gpt(heads, vocabulary), (-1, context)
    found = sum(int(np.prod(shape)) for shape in shapes)
    if found != len(weights):
        raise ValueError(f"the network has {found} parameters, expected {len(weights)}")
    parameters = []
    for i, shape in enumerate(shapes):
        size = int(np.prod(shape))
        values, weights = weights[:size].reshape(shape), weights[size:]
        # Embeddings are matrices, too, but are looked up by rows.
        is_embedding = kind == "gpt" and i < 2
        order = {4: (2, 3, 1, 0), 2: (0, 1) if is_embedding else (1, 0)}.get(len(shape), (0,))
        parameters.append(jnp.asarray(np.ascontiguousarray(values.transpose(order))))
    return parameters, forward, input_shape
