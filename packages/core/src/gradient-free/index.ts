// All gradient estimators, one line per file.
export { backpropagation } from "./backpropagation.ts";
export { type CoordinateSearchOptions, coordinateSearch } from "./coordinate-search.ts";
export type { GradientEstimate, GradientEstimator, GradientProblem, SharedRule } from "./estimator.ts";
export { type EvolutionStrategiesOptions, evolutionStrategies } from "./evolution-strategies.ts";
export { type FiniteDifferencesOptions, finiteDifferences } from "./finite-differences.ts";
export { type ForwardGradientOptions, forwardGradient } from "./forward-gradient.ts";
export { layerByLayer } from "./layer-by-layer.ts";
export { type SPSAOptions, spsa } from "./spsa.ts";
