// A small program over core alone, for other runtimes and for bundles: prints the kernels and the weights.
import { backward, kernelSet, Linear, manualSeed, mean, rand, SGD } from "@shardgrad/core";

manualSeed(1);
const layer = new Linear(3, 2);
const sgd = new SGD(layer.parameters(), { lr: 0.1 });
for (let step = 0; step < 3; step++) {
  sgd.zeroGrad();
  backward(mean(layer.forward(rand([4, 3]))));
  sgd.step();
}
console.log(kernelSet(), layer.weight.toArray().join());
