// Folders of images, by sharp: one folder per class, or images alone. sharp is installed by those who need it.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { optionNames } from "@shardgrad/core/engine";
import type { Sharp } from "sharp";
import { checkChoice, checkDataOptions } from "../check-options.ts";
import { DataError } from "../errors.ts";
import type { FilePath } from "./source.ts";
import { fileError, pathOf, shownPath } from "./source.ts";

export interface ImageOptions {
  /** Height and width to resize to; one number for squares. Without it, all images must have the same size. */
  size?: number | readonly [height: number, width: number];
  /** 3 for colours (default), 1 for grey. */
  channels?: 1 | 3;
  /** What resizing does to another aspect ratio: `cover` (default) cuts, `contain` adds black edges, `fill` distorts. */
  fit?: "cover" | "contain" | "fill";
}

const optionsOfImages = optionNames<ImageOptions>({ size: true, channels: true, fit: true });

export interface ImageSet {
  /** `x`: bytes that become float32 from 0 to 1, [channels, height, width]. `y`: the number of the folder; absent without folders. */
  readonly columns: {
    x: { data: Uint8Array; shape: number[]; scale: number };
    y: Int32Array;
  };
  /** The names of the folders, sorted. */
  readonly classes: string[];
  /** The path of each image within the folder. */
  readonly files: string[];
}

const isImage = (name: string): boolean => /^[^.].*\.(png|jpe?g|webp|gif|tiff?|avif)$/i.test(name);
const sorted = (names: Iterable<string>): string[] => [...names].sort();

async function list(path: string): Promise<{ folders: string[]; images: string[] }> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const names = (isWanted: (entry: (typeof entries)[number]) => boolean) =>
      sorted(entries.filter(isWanted).map(({ name }) => name));
    return {
      folders: names((entry) => entry.isDirectory() && !entry.name.startsWith(".")),
      images: names((entry) => !entry.isDirectory() && isImage(entry.name)),
    };
  } catch (error) {
    const isFile = (error as NodeJS.ErrnoException).code === "ENOTDIR";
    if (isFile) throw new DataError(`readImages: ${shownPath(path)} is a file, expected a folder of images`);
    throw fileError("readImages", path, error);
  }
}

async function loadSharp(): Promise<(file: string) => Sharp> {
  try {
    const { default: sharp } = await import("sharp");
    return (file) => sharp(file);
  } catch (error) {
    throw new DataError(
      "readImages: the package sharp, which reads images, is not there; run `npm install sharp`",
      {
        cause: error,
      },
    );
  }
}

interface Picture {
  data: Uint8Array;
  height: number;
  width: number;
}

async function readPicture(image: Sharp, name: string, options: ImageOptions): Promise<Picture> {
  const { size, channels = 3, fit = "cover" } = options;
  try {
    // Cameras note how they were held.
    let prepared = image.autoOrient();
    if (size !== undefined) {
      const [height, width] = typeof size === "number" ? [size, size] : size;
      prepared = prepared.resize({ height, width, fit });
    }
    const { data, info } = await prepared
      .flatten({ background: "black" })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    // Grey pictures may come back with one channel, or with three.
    const { height, width, channels: found } = info;
    const planar = new Uint8Array(channels * height * width);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < channels; c++)
        planar[c * height * width + i] = data[i * found + Math.min(c, found - 1)]!;
    }
    return { data: planar, height, width };
  } catch (error) {
    throw new DataError(
      `readImages: ${name} is no image that can be read: ${(error as Error).message.split("\n")[0]}`,
      {
        cause: error,
      },
    );
  }
}

/** The images of a folder by class, as paths within it. */
async function findImages(path: string): Promise<{ classes: string[]; files: string[]; labels: number[] }> {
  const { folders, images } = await list(path);
  if (images.length > 0) {
    if (folders.length === 0) return { classes: [], files: images, labels: [] };
    throw new DataError(
      `readImages: ${shownPath(path)} holds images (${images[0]}) and folders (${folders[0]}), expected one folder per class, or images alone`,
    );
  }
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, folder] of folders.entries()) {
    const found = await list(join(path, folder));
    if (found.images.length === 0) {
      throw new DataError(
        `readImages: ${shownPath(join(path, folder))} holds no images, expected those of the class ${folder}; remove the folder, or fill it`,
      );
    }
    for (const image of found.images) {
      files.push(join(folder, image));
      labels.push(label);
    }
  }
  return { classes: folders, files, labels };
}

function checkImageOptions(options: ImageOptions): void {
  checkDataOptions("readImages", options, optionsOfImages);
  const { size, channels, fit } = options;
  const lengths = typeof size === "number" ? [size, size] : size;
  if (
    lengths &&
    !(Array.isArray(lengths) && lengths.length === 2 && lengths.every((x) => Number.isInteger(x) && x > 0))
  ) {
    throw new DataError(
      `readImages: size is ${JSON.stringify(size)}, expected a positive integer, or [height, width]`,
    );
  }
  if (channels !== undefined && channels !== 1 && channels !== 3) {
    throw new DataError(
      `readImages: channels is ${JSON.stringify(channels)}, expected 1 for grey or 3 for colours`,
    );
  }
  if (fit !== undefined) checkChoice("readImages", "fit", fit, ["cover", "contain", "fill"]);
}

/** How many images are decoded at a time. */
const atOnce = 16;

/**
 * Reads a folder of PNG, JPEG and other images, one folder per class. Needs the package sharp.
 *
 * @returns columns for a job's `dataset`, and the names of the classes
 * @throws DataError for an image that is none (named by its path), and if sizes differ without `size`
 */
export async function readImages(source: FilePath, options: ImageOptions = {}): Promise<ImageSet> {
  checkImageOptions(options);
  const path = pathOf("readImages", source);
  const { classes, files, labels } = await findImages(path);
  if (files.length === 0)
    throw new DataError(`readImages: ${shownPath(path)} holds no images, nor folders of them`);
  const sharp = await loadSharp();
  const { channels = 3 } = options;
  let first: Picture | undefined;
  let data = new Uint8Array(0);
  for (let start = 0; start < files.length; start += atOnce) {
    const names = files.slice(start, start + atOnce);
    const pictures = await Promise.all(
      names.map((name) => readPicture(sharp(join(path, name)), shownPath(join(path, name)), options)),
    );
    for (const [i, picture] of pictures.entries()) {
      if (!first) {
        first = picture;
        data = new Uint8Array(files.length * picture.data.length);
      }
      if (picture.height !== first.height || picture.width !== first.width) {
        throw new DataError(
          `readImages: ${names[i]} is ${picture.width} × ${picture.height} pixels, ${files[0]} is ${first.width} × ${first.height}; say to which size they are to be brought, such as { size: ${first.height} }`,
        );
      }
      data.set(picture.data, (start + i) * picture.data.length);
    }
  }
  const { height, width } = first!;
  return {
    columns: {
      x: { data, shape: [channels, height, width], scale: 1 / 255 },
      ...(classes.length > 0 && { y: Int32Array.from(labels) }),
    } as ImageSet["columns"],
    classes,
    files,
  };
}
