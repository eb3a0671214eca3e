import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// The built files are committed (src/hashwright/web/static), so their bytes must depend on the sources only.
export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/hashwright/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
