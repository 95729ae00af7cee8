// Core in a browser: examples/browser.html trains in Chromium, from a plain web server, without cross-origin isolation.
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
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

// Skipped where there is no Chromium.
it.skipIf(!existsSync(browser))(
  "examples/browser.html trains until it is right, in a page that is not isolated",
  async () => {
    const chrome = await chromium.launch({ executablePath: browser, args: ["--no-sandbox"] });
    try {
      const page = await chrome.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => faults.push(message.text()));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/examples/browser.html`);
      const done = page.locator("#said").filter({ hasText: "Done" });
      await done.waitFor({ timeout: 120_000 });
      expect(await done.textContent()).toMatch(/^Done: step 600 of 600, loss 0\.\d+, (9\d|100) % right$/);
      expect(await page.evaluate("crossOriginIsolated")).toBe(false);
      expect(faults).toEqual([]);
    } finally {
      await chrome.close();
    }
  },
);
