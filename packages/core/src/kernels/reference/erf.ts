// The error function in float64, which JavaScript lacks. By its series of positive terms, which loses nothing to
// cancellation: erf x = 2/√π e^(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)) (https://dlmf.nist.gov/7.6#E2).

/** Error below 2e-15. */
export function erf(x: number): number {
  // Beyond, it is 1 or -1 to the last bit; NaN stays NaN.
  if (!(Math.abs(x) <= 6)) return Math.sign(x);
  let term = (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * x;
  let sum = term;
  for (let n = 1; sum + term !== sum; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return sum;
}
