// `shardgrad why` refuses a file that it cannot write, and its sliders compute with core in a browser: from a
// file, without cross-origin isolation.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { expect, it } from "vitest";
import { whyPage } from "../packages/shardgrad/src/why/page.ts";

const browser = "/usr/bin/chromium";
const script = readFileSync(new URL("../packages/shardgrad/dist/why-browser.js", import.meta.url), "utf8");

// Skipped where there is no Chromium.
it.skipIf(!existsSync(browser))("core computes gradients and trains in a page from file://", async () => {
  const folder = mkdtempSync(join(tmpdir(), "shardgrad-why-"));
  const file = join(folder, "page.html");
  const measurement = { machine: "a machine", date: "today", seconds: 1, othersLoad: 0 };
  writeFileSync(file, whyPage({ sections: [], script, ...measurement }));
  const chrome = await chromium.launch({ executablePath: browser, args: ["--no-sandbox"] });
  try {
    const page = await chrome.newPage({ viewport: { width: 400, height: 800 } });
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith("file:") && !request.url().startsWith("data:"))
        faults.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    const said = (id: string, text: string | RegExp) => page.locator(id).filter({ hasText: text }).waitFor();
    await said("#gradient-said", /Nudging each of 51 weights .* 52 runs.*Backpropagation: 1 run.*close/);
    await said("#descent-said", "it learns");
    expect(await page.evaluate("[crossOriginIsolated, typeof SharedArrayBuffer]")).toEqual([
      false,
      "undefined",
    ]);
    // Neither text nor pictures are wider than a phone.
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(400);
    const slide = (id: string, value: string) => page.locator(id).fill(value);
    await slide("#weights", "5");
    await slide("#delta", "-9");
    await slide("#rate", "2");
    await said("#gradient-said", /Nudging each of 201 weights .* 202 runs.*useless/);
    await said("#descent-said", "too large");
    await slide("#rate", "-3");
    await said("#descent-said", "too small");
    expect(faults).toEqual([]);
  } finally {
    await chrome.close();
    rmSync(folder, { recursive: true });
  }
});

it.each(["--html", "--docs"])(
  "shardgrad why says in one line that it cannot write %s, before it measures",
  async (option) => {
    const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((done) => {
      const options = ["why", option, "/no/such/folder"];
      execFile(process.execPath, [command, ...options], (error, _, text) =>
        done({ code: error?.code, stderr: text }),
      );
    });
    const file = option === "--docs" ? "/no/such/folder/why-backpropagation.md" : "/no/such/folder";
    expect([code, stderr]).toEqual([
      2,
      `shardgrad: why: cannot write ${file}: its folder does not exist; make it, or name another file\n`,
    ]);
  },
);
