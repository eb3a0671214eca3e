// A person's first day in a real browser, told as JSON: what was seen at each step. pytest judges it.
//   node test/story.mjs '{"address": ..., "link": ..., "shots": ...}'
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const asked = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PASSWORD = "four random words";
const told = { steps: {}, axe: {}, overflow: {}, console: [], foreign: [], errors: [] };
const browser = await chromium.launch({ executablePath: asked.chromium, args: ["--no-sandbox"] });

async function open(viewport, colorScheme) {
  const context = await browser.newContext({ viewport, colorScheme, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on("console", (line) => line.type() === "error" && told.console.push(line.text()));
  page.on("pageerror", (error) => told.errors.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(asked.address) && !request.url().startsWith("data:")) told.foreign.push(request.url());
  });
  return page;
}
async function faults(page, name) {
  // axe is handed to the page by the debugger, so the page's own policy does not have to allow it.
  await page.evaluate(axe);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ["violations"] })).violations);
  told.axe[name] = found.filter((it) => ["serious", "critical"].includes(it.impact)).map((it) => `${it.id}: ${it.nodes[0].html}`);
}
async function visit(page, path, heading, size) {
  await page.goto(`${asked.address}/#/${path}`);
  await page.getByRole("heading", { name: heading, exact: true, level: 1 }).waitFor();
  // what is read is there: nothing says that it is busy any more, for a whole frame
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
  await page.waitForTimeout(100);
  await faults(page, `${size} ${path}`);
  told.overflow[`${size} ${path}`] = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.screenshot({ path: `${asked.shots}/${size}-${path}.png`, fullPage: true });
}
const PAGES = [["now", "Now"], ["machines", "Machines"], ["pool", "Pool"], ["market", "Market"], ["money", "Money"], ["settings", "Settings"]];

try {
  const desk = await open({ width: 1280, height: 900 }, "light");
  // first run
  await desk.goto(asked.link);
  await faults(desk, "desk setup");
  await desk.getByLabel("Name").fill("kai");
  await desk.getByLabel("Password, at least 10 characters").fill(PASSWORD);
  await desk.getByLabel("Password again").fill(PASSWORD);
  await desk.getByRole("button", { name: "Become owner" }).click();
  await desk.getByRole("heading", { name: "Now", exact: true }).waitFor();
  await desk.getByTestId("mode").waitFor();
  told.steps.address = desk.url();
  // a practice block arrives by itself, without a reload
  await desk.getByRole("heading", { name: "Newest blocks" }).waitFor({ timeout: 40000 });
  const before = await desk.getByRole("table", { name: "Blocks, newest first" }).getByRole("row").count();
  await desk.waitForFunction((rows) => document.querySelectorAll("table:has(caption) tbody tr").length >= rows, before, { timeout: 40000 });
  told.steps.mode = await desk.getByTestId("mode").innerText();
  told.steps.sentence = await desk.getByTestId("sentence").innerText();
  for (const [path, heading] of PAGES) await visit(desk, path, heading, "desk");
  // a hostile name is a text
  await visit(desk, "machines", "Machines", "desk");
  await desk.getByLabel("Find by name, model, address or tag").fill("evil.");
  await desk.getByTestId("matching").getByText(/^1 machine of/).waitFor();
  told.steps.matching = await desk.getByTestId("matching").innerText();
  told.steps.machines = await desk.getByTestId("machines").innerText();
  told.steps.hacked = await desk.evaluate(() => [typeof window.hacked, document.querySelectorAll("main img").length]);
  // let machines of the fleet sleep: some obey, and one is not of the fleet
  await desk.getByLabel("Find by name, model, address or tag").fill("");
  await desk.getByLabel("Choose all that are shown").check();
  await desk.getByRole("button", { name: "Pause", exact: true }).click();
  told.steps.asked = await desk.getByRole("dialog").getByRole("heading").innerText();
  await desk.getByRole("dialog").getByRole("button", { name: /^Pause: / }).click();
  await desk.getByTestId("bulk").waitFor();
  told.steps.bulk = await desk.getByTestId("bulk").innerText();
  await desk.getByRole("button", { name: "Change labels" }).click();
  await desk.getByRole("textbox", { name: /^Labels/ }).fill("+rack-7");
  await desk.getByRole("dialog").getByRole("button", { name: /^Change labels: / }).click();
  await desk.getByTestId("bulk").getByText("Change labels: 2 machines told").waitFor();
  await desk.getByRole("region", { name: "Machines" }).getByText("rack-7").first().waitFor();
  await desk.getByLabel("Show as").selectOption("map");
  told.steps.map = await desk.getByRole("button", { name: /^sim-.*, / }).count();
  await desk.getByLabel("Show as").selectOption("list");
  // one machine over time, and looking for machines: only on networks of one's own
  await desk.getByLabel("Find by name, model, address or tag").fill("sim-1");
  await desk.getByRole("region", { name: "Machines" }).getByRole("button", { name: "sim-1", exact: true }).click();
  await desk.getByRole("button", { name: "7 days" }).click();
  told.steps.past = await desk.getByText(/^Nothing is kept of it/).innerText();
  await desk.getByRole("button", { name: "Find machines" }).click();
  await desk.getByLabel(/^Networks/).fill("127.0.0.1");
  await desk.getByRole("button", { name: "Look for machines" }).click();
  told.steps.scan = await desk.getByRole("alert").innerText();
  told.steps.today = await desk.getByTestId("net-today").innerText();
  told.steps.next = await desk.getByTestId("next-action").innerText();
  // what became of shares
  await visit(desk, "pool", "Pool", "desk");
  await desk.getByRole("table", { name: "Shares by minute, newest first" }).getByText("accepted").first().waitFor();
  // somebody is told of alerts; the address is not shown again; a copy is made
  await visit(desk, "settings", "Settings", "desk");
  const form = desk.getByRole("form", { name: "Tell somebody" });
  await form.getByLabel("Name", { exact: true }).fill("phone");
  await form.getByLabel(/^Address/).fill("json://127.0.0.1:9/token-of-mine");
  await form.getByRole("button").click();
  await desk.getByText("phone is told from now on").waitFor();
  told.steps.leaked = (await desk.content()).includes("token-of-mine");
  await desk.getByRole("button", { name: "Make a copy now" }).click();
  await desk.getByText("The copy is made and proven.").waitFor();
  told.steps.copies = await desk.getByRole("region", { name: "Copies of the database" }).innerText();
  // change a target
  await visit(desk, "pool", "Pool", "desk");
  await desk.getByLabel(/Targets, such as/).fill("practice=100%");
  await desk.getByRole("button", { name: "Set the route" }).click();
  await desk.getByRole("status").getByText("The route is set").waitFor();
  await desk.getByLabel(/Targets, such as/).fill("nowhere=100%");
  await desk.getByRole("button", { name: "Set the route" }).click();
  await desk.getByRole("status").getByText("HW-").waitFor();
  told.steps.refusal = await desk.getByRole("status").innerText();
  // prove and export the books
  await visit(desk, "money", "Money", "desk");
  await desk.getByRole("button", { name: "Prove the books" }).click();
  told.steps.proof = await desk.getByText(/The books hold/).innerText();
  const [download] = await Promise.all([desk.waitForEvent("download"), desk.getByRole("link", { name: "csv", exact: true }).click()]);
  told.steps.export = readFileSync(await download.path(), "utf8").slice(0, 60);
  // a link for somebody who may only look
  await visit(desk, "settings", "Settings", "desk");
  await desk.getByLabel("For whom").fill("mia");
  await desk.getByRole("button", { name: "Make a link" }).click();
  const link = await desk.getByTestId("secret").innerText();
  const guest = await open({ width: 390, height: 844 }, "dark");
  await guest.goto(link);
  await guest.getByRole("heading", { name: "Now", exact: true }).waitFor();
  await guest.getByRole("button", { name: "More" }).click();
  told.steps.guest = await guest.getByRole("navigation").innerText();
  // the keyboard alone reaches the content
  await desk.goto(`${asked.address}/#/now`);
  await desk.reload();
  await desk.getByRole("heading", { name: "Now", exact: true }).waitFor();
  await desk.keyboard.press("Tab");
  told.steps.skip = await desk.evaluate(() => document.activeElement?.textContent ?? "");
  await desk.keyboard.press("Enter");
  told.steps.focused = await desk.evaluate(() => document.activeElement?.id ?? "");
  // on a phone
  const phone = await open({ width: 390, height: 844 }, "dark");
  await phone.goto(asked.address);
  await phone.getByLabel("Name").fill("kai");
  await phone.getByLabel("Password").fill(PASSWORD);
  await phone.getByRole("button", { name: "Sign in" }).click();
  await phone.getByRole("heading", { name: "Now", exact: true }).waitFor();
  for (const [path, heading] of PAGES) await visit(phone, path, heading, "phone");
  await phone.getByRole("button", { name: "Sign out here" }).click();
  await phone.getByRole("heading", { name: "Sign in" }).waitFor();
  told.steps.signedOut = true;
  // the link of the first day is spent
  const late = await open({ width: 1280, height: 900 }, "light");
  await late.goto(asked.link);
  await late.getByLabel("Name").fill("mallory");
  await late.getByLabel("Password, at least 10 characters").fill(PASSWORD);
  await late.getByLabel("Password again").fill(PASSWORD);
  await late.getByRole("button", { name: "Become owner" }).click();
  told.steps.spent = await late.getByRole("alert").innerText();
} catch (error) {
  told.failure = String(error);
}
await browser.close();
console.log(JSON.stringify(told));
