import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import type { ImageOptions } from "./images.ts";
import { readImages } from "./images.ts";

const folder = mkdtempSync(join(tmpdir(), "shardgrad-images-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A picture of one colour, but for its first pixel. */
async function picture(path: string, [width, height]: [number, number], colour: [number, number, number]) {
  const bytes = Buffer.from(
    Array.from({ length: width * height }, (_, i) => (i === 0 ? [1, 2, 3] : colour)).flat(),
  );
  await sharp(bytes, { raw: { width, height, channels: 3 } }).toFile(join(folder, path));
}

beforeAll(async () => {
  for (const name of ["pets/dog", "pets/cat", "sizes", "mixed/a", "empty/a", "broken/a"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  await picture("pets/dog/1.png", [3, 2], [200, 100, 50]);
  await picture("pets/cat/b.png", [3, 2], [10, 20, 30]);
  await picture("pets/cat/a.jpg", [3, 2], [255, 255, 255]);
  writeFileSync(join(folder, "pets/cat/.DS_Store"), "");
  await picture("sizes/a.png", [3, 2], [0, 0, 0]);
  await picture("sizes/b.png", [4, 4], [80, 80, 80]);
  await picture("mixed/b.png", [1, 1], [0, 0, 0]);
  writeFileSync(join(folder, "broken/a/notes.png"), "no image");
});

const read = (name: string, options?: ImageOptions) => readImages(join(folder, name), options);

it("reads one folder per class, channels first", async () => {
  const { columns, classes, files } = await read("pets");
  expect([classes, files]).toEqual([
    ["cat", "dog"],
    ["cat/a.jpg", "cat/b.png", "dog/1.png"],
  ]);
  expect(columns.y).toEqual(Int32Array.of(0, 0, 1));
  expect(columns.x.shape).toEqual([3, 2, 3]);
  expect(columns.x.scale).toBe(1 / 255);
  const dog = columns.x.data.slice(2 * 18);
  expect([...dog]).toEqual([1, 200, 200, 200, 200, 200, 2, 100, 100, 100, 100, 100, 3, 50, 50, 50, 50, 50]);
});

it("makes them grey and of one size, and reads images without classes", async () => {
  const { columns, classes } = await read("sizes", { size: [2, 2], channels: 1 });
  expect(columns.x.shape).toEqual([1, 2, 2]);
  expect([...columns.x.data.slice(4)].every((value) => Math.abs(value - 80) < 25)).toBe(true);
  expect([classes, columns.y]).toEqual([[], undefined]);
});

describe("refuses", () => {
  it.each<[string, ImageOptions, string]>([
    [
      "sizes",
      {},
      "b.png is 4 × 4 pixels, a.png is 3 × 2; say to which size they are to be brought, such as { size: 2 }",
    ],
    ["mixed", {}, "holds images (b.png) and folders (a), expected one folder per class"],
    ["empty", {}, "holds no images, expected those of the class a"],
    ["empty/a", {}, "holds no images, nor folders of them"],
    ["broken", {}, "notes.png is no image that can be read: "],
    ["none", {}, "there is no such file"],
    ["sizes/a.png", {}, "is a file, expected a folder of images"],
    ["pets", { size: 0 }, "size is 0, expected a positive integer, or [height, width]"],
    ["pets", { channels: 2 as 1 }, "channels is 2, expected 1 for grey or 3 for colours"],
    ["pets", { fit: "crop" as "cover" }, 'fit is "crop", expected one of cover, contain, fill'],
  ])("%s %j", async (name, options, message) => {
    const told = read(name, options);
    await expect(told).rejects.toThrow(DataError);
    await expect(told).rejects.toThrow(message);
    await told.catch((error: Error) => expect(error.message).not.toContain("\n"));
  });
});
