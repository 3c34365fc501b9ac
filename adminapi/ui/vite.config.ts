import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    react(),
    {
      // The server answers exactly these paths with the page, so they travel with it.
      name: "routes",
      apply: "build",
      generateBundle() {
        this.emitFile({ type: "asset", fileName: "routes.json", source: readFileSync("src/routes.json", "utf8") });
      },
    },
    {
      // The server has them compressed only; every browser takes them so.
      name: "compress",
      apply: "build",
      writeBundle({ dir = "" }) {
        const assets = join(dir, "assets");
        for (const name of readdirSync(assets)) {
          writeFileSync(join(assets, name + ".gz"), gzipSync(readFileSync(join(assets, name)), { level: 9 }));
          rmSync(join(assets, name));
        }
      },
    },
  ],
  // The server puts a fresh value in the place of this text for each answer.
  html: { cspNonce: "IDENTITYMESH-NONCE" },
  build: {
    outDir: "../web/built",
    emptyOutDir: false, // a note for readers stands there; the script of make build removes what is old
    license: { fileName: "licenses.md" },
    assetsInlineLimit: 0, // nothing in data: URLs, which the policy refuses
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000, // the compressed size is what a test of the server looks at
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": "http://127.0.0.1:5100" } },
  test: {
    environment: "happy-dom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 30_000, // a loaded machine with two processors
  },
});
