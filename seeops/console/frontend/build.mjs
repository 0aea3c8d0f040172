// Bundles every script and style at the top of src/ into the folder given as the first argument.
// Libraries loaded by dynamic import() become chunks of their own, fetched when a page first needs them.
import { build } from "esbuild";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const output = path.resolve(process.argv[2] ?? path.join(here, "../static-build"));
const fresh = `${output}.new`;

const entries = (await readdir(path.join(here, "src")))
  .filter((name) => /\.(js|css)$/.test(name))
  .map((name) => path.join(here, "src", name));
if (entries.length === 0) {
  throw new Error(`Nothing to bundle: ${path.join(here, "src")} holds no script and no style.`);
}

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
await build({
  entryPoints: entries,
  outdir: path.join(fresh, "console"),
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["chrome110", "firefox115", "safari16"],
  minify: true,
  sourcemap: false,
  charset: "utf8",
  legalComments: "linked",
  chunkNames: "chunks/[name]-[hash]",
  assetNames: "assets/[name]-[hash]",
  loader: { ".svg": "file", ".woff2": "file", ".png": "file" },
  logLevel: "warning",
});
// The finished bundle replaces the old one in one move, so that a reader never meets half of it.
await rm(output, { recursive: true, force: true });
await rename(fresh, output);
