"""Reads the files that every contender in Python starts from: weights, and the data in batches."""
import array
import math
import os


def read_numbers(path, kind, start=0, count=None):
    """Numbers `start` to `start + count` of a file: 'f' is float32, 'i' int32."""
    numbers = array.array(kind)
    with open(path, "rb") as file:
        file.seek(4 * start)
        numbers.fromfile(file, os.path.getsize(path) // 4 - start if count is None else count)
    return numbers


def read_weights(folder):
    return read_numbers(f"{folder}/weights.bin", "f")


def read_batch(folder, model, index, first, end):
    """The samples `first` to `end` of a batch: inputs and labels, each as numbers and the shape of one sample."""
    network = model["network"]
    tokens = network["kind"] == "gpt"
    shape = {"mlp": lambda: network["sizes"][:1], "lenet5": lambda: [1, 28, 28], "gpt": lambda: [network["context"]]}
    input_shape = shape[network["kind"]]()

    def read(name, kind, sample):
        size = math.prod(sample)
        start = (index * model["batch"] + first) * size
        return read_numbers(f"{folder}/{name}.bin", kind, start, (end - first) * size), sample

    return read("x", "i" if tokens else "f", input_shape), read("y", "i", input_shape if tokens else [])
