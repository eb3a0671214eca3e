// For people who change the pages: take pictures of each page on a desk and on a phone.
// HW_WHOLE=1 takes whole pages, not only what is in sight.
//   node test/look.mjs ADDRESS NAME PASSWORD FOLDER [PAGE ...]
import { chromium } from "playwright-core";

const [address, name, password, folder, ...pages] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.HW_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const sizes = { desk: process.env.HW_WHOLE ? { width: 1440, height: 900 } : { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
for (const [size, viewport] of Object.entries(sizes)) {
  const context = await browser.newContext({ viewport, colorScheme: size === "phone" ? "dark" : "light" });
  const page = await context.newPage();
  page.on("console", (line) => line.type() === "error" && console.log("console:", line.text()));
  page.on("pageerror", (error) => console.log("error:", error.message));
  await page.goto(address);
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Now", exact: true }).waitFor();
  for (const path of pages.length ? pages : ["now", "machines", "pool", "market", "money", "settings"]) {
    await page.goto(`${address}/#/${path}`);
    await page.waitForTimeout(2500);
    await page.screenshot({ path: `${folder}/${size}-${path.replaceAll("/", "-")}.png`, fullPage: Boolean(process.env.HW_WHOLE) });
  }
  await context.close();
}
await browser.close();
