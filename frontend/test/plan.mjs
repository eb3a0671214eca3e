// Plan, Energy, Lab and the header in a real browser, told as JSON: pytest judges it.
//   node test/plan.mjs '{"address": ..., "link": ..., "shots": ...}'
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const asked = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PASSWORD = "four random words";
const OFFER = 'coin = "BTC"\nprice_usd = 180\nhashrate = "1 TH/s"\ndays = 365\nseller = "<img src=x onerror=window.hacked=1>"\n';
const told = { steps: {}, axe: {}, overflow: {}, console: [], errors: [], streams: [] };
const browser = await chromium.launch({ executablePath: asked.chromium, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(60000);
page.on("console", (line) => line.type() === "error" && told.console.push(line.text()));
page.on("pageerror", (error) => told.errors.push(error.message));
page.on("request", (request) => request.url().endsWith("/api/v1/events") && told.streams.push("opened"));
page.on("requestfailed", (request) => request.url().endsWith("/api/v1/events") && told.streams.push("closed"));
await page.addInitScript(() => {
  // Headless Chromium never hides a tab, so the page is told that it is hidden, as a browser tells it.
  let isHidden = false;
  Object.defineProperty(document, "hidden", { get: () => isHidden });
  window.hide = (to) => { isHidden = to; document.dispatchEvent(new Event("visibilitychange")); };
});

async function judge(name) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations);
  told.axe[name] = found.filter((it) => ["serious", "critical"].includes(it.impact)).map((it) => `${it.id}: ${it.nodes[0].html}`);
  told.overflow[name] = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (asked.shots) await page.screenshot({ path: `${asked.shots}/${name.replaceAll(" ", "-")}.png`, fullPage: true });
}
const SIGNS = { plan: "decisions", energy: "stretches", lab: "jobs" };
async function visit(size, path) {
  await page.goto(`${asked.address}/#/${path}`);
  await page.getByTestId(SIGNS[path]).first().waitFor();
  await judge(`${size} ${path}`);
}
const pilot = async () => (await page.getByTestId("pilot").innerText()).replace(/\s+/g, " ");

try {
  await page.goto(asked.link);
  await page.getByLabel("Name").fill("kai");
  await page.getByLabel("Password, at least 10 characters").fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Become owner" }).click();
  await page.getByTestId("pilot").waitFor();
  told.steps.header = [await page.getByTestId("mode").innerText(), await pilot(), await page.getByTestId("link").innerText()];
  await visit("desk", "plan");
  told.steps.plan = await page.locator("main").innerText();
  told.steps.italics = await page.evaluate(() => document.querySelectorAll("main i").length);
  // an hour's why; pins by drag, taken back, and by the keyboard alone
  const grid = page.getByTestId("grid");
  const cell = (group, at) => grid.getByRole("gridcell", { name: new RegExp(`^${group}, `) }).nth(at);
  await cell("new", 1).click();
  told.steps.chosen = await page.getByTestId("cell").innerText();
  told.steps.second = await page.getByTestId("second").innerText();
  await judge("desk hours");
  await cell("new", 2).hover();
  await page.mouse.down();
  await cell("new", 3).hover();
  await cell("new", 4).hover();
  await page.mouse.up();
  await page.getByRole("button", { name: "Pin: rest" }).click();
  await page.getByTestId("pins").waitFor();
  told.steps.pin = await page.getByTestId("said").innerText();
  told.steps.pins = await page.getByTestId("pins").innerText();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("Taken back").waitFor();
  await page.getByTestId("pins").waitFor({ state: "detached" });
  told.steps.unpinned = await grid.locator("td.pinned").count();
  await cell("old", 6).focus();
  for (const key of ["ArrowRight", "Shift+ArrowRight", "Enter"]) await page.keyboard.press(key);
  for (const key of ["Tab", "Tab", "Enter"]) await page.keyboard.press(key);
  await page.getByTestId("pins").waitFor();
  told.steps.keyed = await page.getByTestId("said").innerText();
  // why was it decided so
  await page.getByRole("button", { name: /^Why decision 24/ }).click();
  told.steps.repeated = await page.getByTestId("repeated").innerText();
  await judge("desk explained");
  await page.keyboard.press("Escape");
  // apply it, then switch to LIVE with the typed word, then the kill switch
  await page.getByRole("main").getByRole("button", { name: "Apply decision 24" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Apply decision 24" }).click();
  await page.getByText("decision 24, by hand").first().waitFor();
  await page.getByTestId("mode").click();
  await judge("desk switch");
  await page.getByRole("region", { name: "Route of sha256d" }).getByRole("button", { name: "LIVE", exact: true }).click();
  const confirm = page.getByRole("button", { name: "Switch to LIVE" });
  told.steps.disabled = await confirm.isDisabled();
  await page.getByLabel(/^Type/).fill("LIVE");
  await confirm.click();
  await page.waitForFunction(() => document.querySelector("[data-testid=pilot]")?.textContent.includes("LIVE"));
  await page.getByTestId("mode").click();
  await page.getByTestId("kill").click();
  await page.getByRole("button", { name: "Pause all" }).click();
  await page.waitForFunction(() => document.querySelector("[data-testid=pilot]")?.textContent.includes("PAUSED"));
  told.steps.paused = await pilot();
  await visit("desk", "energy");
  told.steps.energy = await page.locator("main").innerText();
  // the lab: audit an offer whose seller calls himself a piece of markup
  await page.goto(`${asked.address}/#/lab`);
  await page.getByTestId("tornado").waitFor();
  await judge("desk what-if");
  const power = page.getByLabel("Price of power");
  await power.fill("900");
  await page.getByText("Mining loses").waitFor();
  told.steps.whatif = await page.getByTestId("whatif").innerText();
  told.steps.tornado = await page.getByTestId("tornado").innerText();
  await page.getByRole("button", { name: "Backtest", exact: true }).click();
  await page.getByLabel("Walk an invented example").check();
  await page.getByLabel("best_hashprice").check();
  await page.getByLabel("Last day").fill("2023-04-30");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByTestId("answer").waitFor();
  told.steps.backtest = await page.getByTestId("answer").innerText();
  await judge("desk backtest");
  await page.getByRole("button", { name: "Plan hours" }).click();
  await page.getByRole("button", { name: "An example" }).click();
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByRole("heading", { name: /^energy/ }).waitFor();
  told.steps.hours = await page.getByTestId("answer").innerText();
  await page.getByRole("button", { name: "Audit" }).click();
  await page.getByLabel("The offer (TOML): paste it, or choose a file", { exact: true }).fill(OFFER);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByRole("heading", { name: /^audit/ }).waitFor();
  told.steps.answer = await page.getByTestId("answer").innerText();
  await judge("desk lab");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the report" }).click()]);
  told.steps.report = [download.suggestedFilename(), readFileSync(await download.path(), "utf8").slice(0, 15)];
  told.steps.hacked = await page.evaluate(() => typeof window.hacked);
  // coins or dollars
  const unit = page.getByTestId("unit");
  await unit.click();
  await unit.getByText("old").waitFor();
  told.steps.unit = await unit.innerText();
  // a hidden tab follows nothing
  const before = told.streams.length;
  await page.evaluate(() => window.hide(true));
  await page.waitForFunction(() => document.querySelector("[data-testid=link]").textContent.includes("Stale"));
  told.steps.hidden = told.streams.slice(before);
  await page.evaluate(() => window.hide(false));
  await page.waitForFunction(() => document.querySelector("[data-testid=link]").textContent.includes("Live"));
  told.steps.shown = told.streams.slice(before);
  // the bell by the keyboard alone
  await page.getByTestId("bell").focus();
  await page.keyboard.press("Enter");
  told.steps.bell = await page.getByRole("dialog", { name: "Alerts" }).isVisible();
  await page.keyboard.press("Escape");
  told.steps.closed = await page.getByRole("dialog", { name: "Alerts" }).isVisible();
  // a phone at night
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  for (const path of ["plan", "energy", "lab"]) {
    await visit("phone", path);
    if (path === "lab") {
      await page.getByTestId("tornado").waitFor();
      await judge("phone what-if");
    }
    if (path !== "plan") continue;
    await page.getByTestId("list").last().getByRole("button").first().click();
    const until = page.getByLabel("Until");
    await until.selectOption({ index: 1 });
    await page.getByRole("button", { name: "Pin: rest" }).click();
    await page.getByText("Pinned: new rests").waitFor();
    told.steps.tapped = await page.getByTestId("said").innerText();
    await judge("phone hours");
  }
  await page.getByRole("button", { name: "Lab", exact: true }).click();
  told.steps.more = (await page.getByRole("navigation").innerText()).split(/\s+/);
} catch (error) {
  told.failure = String(error);
}
await browser.close();
console.log(JSON.stringify(told));
