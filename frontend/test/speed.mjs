// What a browser feels: first paint of the page Now, the list of machines, a filter. Prints JSON [ms].
//   node test/speed.mjs '{"address": ..., "cookie": ..., "chromium": ...}'
import { chromium } from "playwright-core";

const asked = JSON.parse(process.argv[2]);
const browser = await chromium.launch({ executablePath: asked.chromium, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const [name, value] = asked.cookie.split("=");
await context.addCookies([{ name, value, url: asked.address, httpOnly: true, sameSite: "Strict" }]);
const told = { paint: [], sentence: [], listed: [], filtered: [] };
for (let round = 0; round < 3; round += 1) {
  const page = await context.newPage();
  await page.goto(`${asked.address}/#/now`);
  await page.getByTestId("sentence").waitFor();
  told.sentence.push(await page.evaluate(() => performance.now()));
  told.paint.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1));
  const timed = await page.evaluate(async () => {
    const until = async (ready) => {
      while (!ready()) await new Promise((done) => requestAnimationFrame(done));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return performance.now();
    };
    const rows = () => document.querySelectorAll('[data-testid="machines"] tbody tr:not(.space)').length;
    let began = performance.now();
    location.hash = "#/machines";
    const listed = (await until(() => rows() > 5)) - began;
    const input = document.querySelector("#words");
    const filtered = [];
    for (const word of ["rig-77", "rig-1", "farm", "zzz", ""]) {
      const matching = () => document.querySelector('[data-testid="matching"]').textContent;
      const before = matching();
      began = performance.now();
      input.value = word;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      filtered.push((await until(() => matching() !== before || word === "farm")) - began);
    }
    return { listed, filtered };
  });
  told.listed.push(timed.listed);
  told.filtered.push(...timed.filtered);
  await page.close();
}
await browser.close();
console.log(JSON.stringify(told));
