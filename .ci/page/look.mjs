// Opens every view of a served book in a real browser: no error, filters and downloads work, hostile text stays text,
// nothing serious for axe-core. usage: node look.mjs BASE_URL SCREENSHOT_FOLDER
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [base, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const problems = [];
const fail = (where, what) => problems.push(`${where}: ${what}`);
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

async function opened(path, settings = {}) {
  // The checker is put into pages by the debugger, which their policy has no say in.
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, bypassCSP: false, ...settings });
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && fail(path, message.text()));
  page.on("pageerror", (error) => fail(path, error.message));
  page.on("dialog", (dialog) => (fail(path, `a script of somebody's ran: ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (request) => new URL(request.url()).host !== new URL(base).host && !request.url().startsWith("data:") && fail(path, `asked ${request.url()}`));
  const answer = await page.goto(base + path, { waitUntil: "load" });
  if (answer.status() !== 200) fail(path, `HTTP ${answer.status()}`);
  const figures = page.locator("[data-chart]");
  for (let at = 0; at < (await figures.count()); at++) await figures.nth(at).locator("canvas").waitFor({ timeout: 5000 });
  return page;
}

async function accessible(page, path) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  for (const { id, impact, nodes } of violations) {
    if (["serious", "critical"].includes(impact)) fail(path, `axe ${impact} ${id}: ${nodes[0].html.slice(0, 150)}`);
  }
}

const span = "since=2026-11-09&until=2026-11-17";
const api = async (path) => (await fetch(base + path)).json();
const usage = await api(`/api/usage?by=principal&${span}`);
const hostile = (await api(`/api/queries?limit=1000&${span}&q=${encodeURIComponent("<")}`)).executions;
if (hostile.length === 0) fail("demo", "has no text with a bracket in it");
const dear = (await api(`/api/queries?limit=1000&${span}`)).executions.sort((a, b) => b.cost_nano_usd - a.cost_nano_usd)[0];
const key = encodeURIComponent(usage.lines[0].key);

const views = {
  overview: `/?${span}`,
  principal: `/principal?principal=${key}&${span}`,
  shape: `/shape/${dear.query_fingerprint}?${span}`,
  execution: `/execution/${dear.execution_id}`,
  queries: `/queries?${span}`,
  alerts: "/alerts",
  coverage: `/coverage?${span}`,
  api: "/api",
  hostile: `/execution/${hostile[0]?.execution_id}`,
  nothing: "/queries?q=no-such-text-anywhere",
};
for (const [name, path] of Object.entries(views)) {
  for (const colorScheme of ["light", "dark"]) {
    const page = await opened(path, { colorScheme });
    await accessible(page, `${path} (${colorScheme})`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    if (wide) fail(path, "is wider than the window");
    await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png`, fullPage: name !== "queries" });
    await page.close();
  }
  const phone = await opened(path, { viewport: { width: 390, height: 844 }, colorScheme: "light" });
  if (await phone.evaluate(() => document.documentElement.scrollWidth > innerWidth)) fail(path, "is wider than a phone");
  await phone.screenshot({ path: `${folder}/${name}-phone.png` });
  await phone.close();
}

// Filters: what is clicked is what is shown, and can be taken away again.
let page = await opened(views.overview);
const before = await page.locator(".kpis strong").first().textContent();
await page.getByRole("link", { name: "analysts", exact: true }).first().click();
await page.waitForURL(/workgroup=analysts/);
const within = await page.locator(".kpis strong").first().textContent();
if (within === before) fail("filter", "changes nothing");
const told = await api(`/api/usage?workgroup=analysts&${span}`);
const dollars = "$" + (told.total.cost_nano_usd / 1e9).toFixed(2);
if (within !== dollars) fail("filter", `the page says ${within}, the API ${dollars}`);
await page.locator(".chip").first().click();
await page.waitForURL((url) => !url.search.includes("workgroup"));
if ((await page.locator(".kpis strong").first().textContent()) !== before) fail("filter", "cannot be taken away");
await page.close();

// Search and downloads.
page = await opened(views.queries);
await page.getByLabel("state").selectOption("FAILED");
await page.getByRole("button", { name: "Search" }).click();
await page.waitForURL(/state=FAILED/);
if ((await page.locator("tbody td:nth-child(5)").allTextContents()).some((state) => state !== "FAILED")) fail("search", "shows others too");
for (const kind of ["CSV", "JSON"]) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: kind, exact: true }).click()]);
  const text = readFileSync(await download.path(), "utf8");
  const rows = kind === "JSON" ? JSON.parse(text).executions.length : text.split(/\r?\n(?=[0-9a-f]{8}-)/).length - 1;
  if (rows === 0) fail(kind, "is empty");
}
await page.close();

// By keyboard: the first stop leads to the content.
page = await opened("/");
await page.keyboard.press("Tab");
if ((await page.evaluate(() => document.activeElement.textContent)) !== "Skip to content") fail("keyboard", "the first stop is no skip link");
await page.close();

await browser.close();
if (problems.length > 0) {
  console.error([...new Set(problems)].join("\n"));
  process.exit(1);
}
console.log(`${Object.keys(views).length} views in light, dark and on a phone; filters, search, downloads and keyboard: no problem`);
