// Direct convolution and its two gradients. It is as fast as a matrix product for many channels. For few channels it is
// much faster, since im2col would have to write its column matrix. It computes four samples at once, one per vector
// lane, so any width, stride and dilation fills the vectors. The bits of an output depend only on its sample, its
// position and the sizes. Read convolution-plan.ts first, then convolution-passes.ts; the innermost loops are in
// convolution-tiles.ts.
import { addProducts, correlate, fillPadded, packGradient, packWeights, writeSums } from "./convolution-passes";
import {
  bytes, describeForward, describeInput, GRADIENT_BLOCK, lastTap, layOut, packedWeights, PIXEL, pixels, plan, roundedTaps, sums,
  tapCount, tapStep,
} from "./convolution-plan";

const FORWARD: i32 = 0;
const INPUT: i32 = 1;

/** Bytes of workspace that `convolve` (direction 0), `convolveInput` (1) and `convolveWeight` (2) need. */
export function convolveScratch(
  direction: i32, c: i32, h: i32, w: i32, o: i32, kh: i32, kw: i32, oh: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32,
): usize {
  if (direction != INPUT) {
    describeForward(c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw);
    return direction == FORWARD ? layOut(0, packedWeights(), 0) : layOut(0, GRADIENT_BLOCK * 4 * o, roundedTaps() * o);
  }
  let most: usize = 0;
  for (let a = 0; a < min(sh, h); a++) {
    for (let b = 0; b < min(sw, w); b++) {
      describeInput(a, b, c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw);
      most = max(most, layOut(0, packedWeights(), 0));
    }
  }
  return most;
}

export function convolve(
  n: i32, groups: i32, c: i32, h: i32, w: i32, o: i32, kh: i32, kw: i32, oh: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32, x: usize, weight: usize, bias: usize, y: usize, workspace: usize,
): void {
  describeForward(c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw);
  layOut(workspace, packedWeights(), 0);
  plan(ow, 1);
  const xGroup = bytes(c * h * w);
  const yGroup = bytes(o * oh * ow);
  for (let g = 0; g < groups; g++) {
    packWeights(weight + <usize>g * bytes(o * tapCount), bias ? bias + bytes(g * o) : 0, tapCount, kh * kw, kw, 1);
    for (let i = 0; i < n; i += 4) {
      const block = <usize>i * <usize>groups + <usize>g;
      fillPadded(n - i, x + block * xGroup, <usize>groups * xGroup);
      correlate(n - i, y + block * yGroup, <usize>groups * yGroup, bytes(oh * ow), false);
    }
  }
}

export function convolveInput(
  n: i32, groups: i32, c: i32, h: i32, w: i32, o: i32, kh: i32, kw: i32, oh: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32, dy: usize, weight: usize, dx: usize, workspace: usize,
): void {
  const area = kh * kw;
  const dyGroup = bytes(o * oh * ow);
  const dxGroup = bytes(c * h * w);
  // Elements of dx whose positions differ by a multiple of the stride use the same taps: one convolution of dy per
  // remainder.
  for (let a = 0; a < min(sh, h); a++) {
    for (let b = 0; b < min(sw, w); b++) {
      describeInput(a, b, c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw);
      layOut(workspace, packedWeights(), 0);
      plan(sh * w, sw);
      const last = max(0, lastTap(a, kh, sh, ph, dh)) * kw + max(0, lastTap(b, kw, sw, pw, dw));
      for (let g = 0; g < groups; g++) {
        const from = weight + bytes(g * o * c * area + last);
        packWeights(from, 0, area, c * area, -tapStep(sh, dh) * kw, -tapStep(sw, dw));
        for (let i = 0; i < n; i += 4) {
          const block = <usize>i * <usize>groups + <usize>g;
          if (tapCount) fillPadded(n - i, dy + block * dyGroup, <usize>groups * dyGroup);
          correlate(n - i, dx + block * dxGroup + bytes(a * w + b), <usize>groups * dxGroup, bytes(h * w), true);
        }
      }
    }
  }
}

export function convolveWeight(
  n: i32, groups: i32, c: i32, h: i32, w: i32, o: i32, kh: i32, kw: i32, oh: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32, x: usize, dy: usize, dweight: usize, workspace: usize,
): void {
  describeForward(c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw);
  layOut(workspace, GRADIENT_BLOCK * 4 * o, roundedTaps() * o);
  plan(ow, 1);
  const xGroup = bytes(c * h * w);
  const dyGroup = bytes(o * oh * ow);
  for (let g = 0; g < groups; g++) {
    memory.fill(sums, 0, bytes(roundedTaps() * o));
    for (let i = 0; i < n; i += 4) {
      const block = <usize>i * <usize>groups + <usize>g;
      fillPadded(n - i, x + block * xGroup, <usize>groups * xGroup);
      for (let p = 0; p < oh * ow; p += GRADIENT_BLOCK) {
        const count = min(oh * ow - p, GRADIENT_BLOCK);
        packGradient(count, n - i, dy + block * dyGroup + bytes(p), <usize>groups * dyGroup, bytes(oh * ow));
        addProducts(pixels + <usize>p * PIXEL, count);
      }
    }
    writeSums(dweight + <usize>g * bytes(o * tapCount));
  }
}
