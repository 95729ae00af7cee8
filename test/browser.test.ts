// Core in a browser: examples/browser.html trains in Chromium, from a plain web server, without cross-origin isolation; and
// training has the bits that machine code has in Node.js.
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { kernelSet, useKernels } from "@shardgrad/core";
import { useNative } from "@shardgrad/native";
import type { Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = new URL("..", import.meta.url);
const browser = "/usr/bin/chromium";
const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".map": "text/plain",
};

/** The clone as files, without any header that a page could need for shared memory. */
const server = createServer(({ url }, response) => {
  const path = new URL(url!, "http://localhost").pathname;
  response.setHeader("content-type", types[extname(path)] ?? "text/plain");
  response.end(readFileSync(new URL(`.${path}`, root)));
});
beforeAll(() => new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening)));
afterAll(() => new Promise((closed) => server.close(closed)));

const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function inPage<Result>(use: (page: Page) => Promise<Result>): Promise<Result> {
  const chrome = await chromium.launch({ executablePath: browser, args: ["--no-sandbox"] });
  try {
    return await use(await chrome.newPage());
  } finally {
    await chrome.close();
  }
}

/** JavaScript that trains a network of the usual kinds of layers with the core in a folder; ends with its weights. */
const training = (folder: string) => `
  (async () => {
    const core = await import("${folder}/packages/core/dist/index.js");
    core.manualSeed(1);
    const { Sequential, Conv2d, GELU, MaxPool2d, Flatten, LayerNorm, Linear } = core;
    const model = new Sequential(
      ...[new Conv2d(1, 6, 5, { padding: 2 }), new GELU(), new MaxPool2d(2), new Flatten()],
      ...[new Linear(6 * 7 * 7, 33), new LayerNorm(33), new Linear(33, 10)],
    );
    const adam = new core.AdamW(model.parameters(), { lr: 0.01 });
    const [x, y] = [core.rand([19, 1, 14, 14]), core.tensor(Array.from({ length: 19 }, (_, i) => i % 10), { dtype: "int32" })];
    for (let step = 0; step < 5; step++)
      core.scope(() => {
        adam.zeroGrad();
        core.backward(core.crossEntropy(model.forward(x), y));
        adam.step();
      });
    return model.parameters().flatMap((weights) => [...weights.toArray()]);
  })()`;

// Skipped where there is no Chromium.
it.skipIf(!existsSync(browser))(
  "examples/browser.html trains until it is right, in a page that is not isolated",
  () =>
    inPage(async (page) => {
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => faults.push(message.text()));
      await page.goto(`${origin()}/examples/browser.html`);
      const done = page.locator("#said").filter({ hasText: "Done" });
      await done.waitFor({ timeout: 120_000 });
      expect(await done.textContent()).toMatch(/^Done: step 600 of 600, loss 0\.\d+, (9\d|100) % right$/);
      expect(await page.evaluate("crossOriginIsolated")).toBe(false);
      expect(faults).toEqual([]);
    }),
);

function hasNative(): boolean {
  try {
    return useNative() !== undefined;
  } catch {
    return false;
  }
}

it.skipIf(!existsSync(browser) || !hasNative())(
  "a page trains to the bits of machine code, and so does Node.js with relaxed SIMD",
  async () => {
    const page = await inPage(async (page) => {
      await page.goto(`${origin()}/examples/browser.html`);
      return await page.evaluate<number[]>(training(""));
    });
    const here = (): Promise<number[]> =>
      import(
        `data:text/javascript,${encodeURIComponent(`export const weights = ${training(String(root))}; // ${kernelSet()}`)}`
      ).then(({ weights }) => weights);
    useNative();
    const native = await here();
    useKernels("wasm-relaxed");
    const relaxed = await here();
    expect(native.length).toBeGreaterThan(10_000);
    expect(page).toEqual(native);
    expect(relaxed).toEqual(native);
  },
);
