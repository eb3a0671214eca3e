// When Plan, Energy and Lab can be read: first paint, and the part that carries the page. Prints JSON [ms].
//   node test/pages.mjs '{"address": ..., "cookie": ..., "chromium": ...}'
import { chromium } from "playwright-core";

const asked = JSON.parse(process.argv[2]);
const SIGNS = { plan: "grid", energy: "stretches", lab: "tornado" };
const browser = await chromium.launch({ executablePath: asked.chromium, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const [name, value] = asked.cookie.split("=");
await context.addCookies([{ name, value, url: asked.address, httpOnly: true, sameSite: "Strict" }]);
const told = {};
for (const [path, sign] of Object.entries(SIGNS)) {
  told[path] = { paint: [], ready: [] };
  for (let round = 0; round < 3; round += 1) {
    const page = await context.newPage();
    await page.goto(`${asked.address}/#/${path}`);
    await page.getByTestId(sign).first().waitFor();
    told[path].ready.push(await page.evaluate(() => performance.now()));
    told[path].paint.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1));
    await page.close();
  }
}
await browser.close();
console.log(JSON.stringify(told));
