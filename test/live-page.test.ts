// The live page in a browser: it draws and follows a run, under its own content security policy.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { train } from "shardgrad";
import { expect, it, vi } from "vitest";

const executablePath = "/usr/bin/chromium";

it.skipIf(!existsSync(executablePath))(
  "in light, dark and on a narrow screen, without a fault (needs /usr/bin/chromium)",
  async () => {
    const said = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
    const run = train(new URL("./jobs/clusters.ts", import.meta.url), {
      workers: 1,
      epochs: 100_000,
      watch: true,
    });
    await new Promise<unknown>((resolve, reject) => {
      run.on("epoch", resolve);
      run.catch(reject);
    });
    const url = said.mock.calls.map(([text]) => /http:\S+/.exec(String(text))?.[0]).find(Boolean)!;
    said.mockRestore();
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    try {
      for (const [colorScheme, width] of [
        ["light", 1200],
        ["dark", 400],
      ] as const) {
        const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
        const faults: string[] = [];
        page.on("console", (message) => faults.push(message.text()));
        page.on("pageerror", (error) => faults.push(String(error)));
        await page.goto(url, { waitUntil: "commit" });
        await page.locator("canvas").nth(5).waitFor();
        const step = () => page.locator(".facts dd").first().textContent();
        const before = await step();
        await vi.waitFor(async () => expect(await step()).not.toBe(before), { timeout: 60_000 });
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
        expect(faults).toEqual([]);
        await page.close();
      }
    } finally {
      await browser.close();
      run.stop();
      await run;
    }
  },
);
