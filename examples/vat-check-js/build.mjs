// Makes a component of src/: `npm run build`. The result is a whole release, as `iap plugin publish` takes it.

import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { componentize } from "@bytecodealliance/componentize-js";

const { iap } = JSON.parse(await readFile("package.json", "utf8"));
const { component } = await componentize({
  sourcePath: "src/plugin.js",
  witWorld: (await readFile(iap.wit, "utf8")) + (await world()),
  worldName: "this-plugin",
  // Each of these would be an import of WASI, which the host does not give.
  disableFeatures: ["random", "stdio", "clocks", "http", "fetch-event"],
});
await mkdir(dirname(iap.component), { recursive: true });
await writeFile(iap.component, Buffer.concat([component, await release()]));

/// A world with what the sources import: a plugin may import no more than its plugin.toml declares.
async function world() {
  const sources = await Promise.all((await files("src")).map((file) => readFile(file, "utf8")));
  const names = sources.flatMap((source) => [...source.matchAll(/["']iap:service\/([a-z]+)@1\.0\.0["']/g)]);
  const imports = [...new Set(names.map(([, name]) => `import ${name};`))];
  return `\nworld this-plugin { ${imports.join(" ")} export plugin; }\n`;
}

/// The custom section `iap:release`: a JSON object of texts by path.
async function release() {
  const texts = {};
  const paths = ["plugin.toml", ...(await files("prices")), ...(await files("schemas"))];
  for (const path of paths.sort()) {
    texts[path] = await readFile(path, "utf8");
  }
  const name = Buffer.from("iap:release");
  const content = Buffer.concat([leb128(name.length), name, Buffer.from(JSON.stringify(texts))]);
  return Buffer.concat([Buffer.from([0]), leb128(content.length), content]);
}

/// Paths of all files below a folder, which may be missing; with `/` on every system.
async function files(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const found = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
  return found.map((entry) => join(entry.parentPath ?? entry.path, entry.name).replaceAll("\\", "/"));
}

/// A length as WebAssembly writes it.
function leb128(length) {
  const bytes = [];
  for (; length > 127; length >>>= 7) bytes.push((length & 127) | 128);
  return Buffer.from([...bytes, length]);
}
