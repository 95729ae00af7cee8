// The error function and the normal distribution in float64, which JavaScript lacks. Near 0, a series of positive terms
// without cancellation. From 1 (or √2) on, the continued fraction of the tail, so that small probabilities keep their
// digits and erf never exceeds 1.

/** erf x = 2/√π e^(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)) (https://dlmf.nist.gov/7.6#E2), for |x| up to 1 or so. */
function erfSeries(x: number): number {
  let term = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * x;
  let sum = term;
  for (let n = 1; Math.abs(term) > (Number.EPSILON / 4) * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return sum;
}

/**
 * The normal density, e^(-x²/2)/√(2π). Its exponent is large, so the rounding of x² would become a relative error of
 * the result. Therefore x is split into two parts, and the square of the first is exact.
 */
export function normalDensity(x: number): number {
  if (Math.abs(x) > 40) return 0; // to the last bit
  const high = Math.fround(x);
  return (Math.exp(-0.5 * high * high) * Math.exp(-0.5 * (x - high) * (x + high))) / Math.sqrt(2 * Math.PI);
}

/** The probability of more than x ≥ √2: φ(x)/(x + 1/(x + 2/(x + 3/…))) (https://dlmf.nist.gov/7.9#E1). */
function upperTail(x: number): number {
  // Enough terms to leave a rest below the last bit: more for small x.
  let fraction = x;
  for (let n = Math.ceil(400 / (x * x)) + 10; n > 0; n--) fraction = x + n / fraction;
  return normalDensity(x) / fraction;
}

/** Error below 1e-15. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) < 1) return erfSeries(x);
  return Math.sign(x) * (1 - 2 * upperTail(Math.abs(x) * Math.SQRT2));
}

/** The probability of at most x under the normal distribution, with a relative error below 2e-15, even in the tail. */
export function normalCumulative(x: number): number {
  if (x < -Math.SQRT2) return upperTail(-x);
  if (x > Math.SQRT2) return 1 - upperTail(x);
  return 0.5 * (1 + erfSeries(x * Math.SQRT1_2));
}
