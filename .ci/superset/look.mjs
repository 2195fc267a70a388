// look.mjs BASE USER PASSWORD ANSWERS.json PICTURE.png SPAN [KIND]: opens the dashboard as a reader would, writes down
// every answer the charts got and everything that looks like an error, and takes a picture of the whole page.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT_CORE);
const [base, user, password, answersFile, picture, span, kind] = process.argv.slice(2);
const EXPECTED = Number(process.env.CHARTS);
const PATIENCE_MS = 120_000;

const filter = (id, extra, value) => `NATIVE_FILTER-${id}:(id:NATIVE_FILTER-${id},extraFormData:${extra},filterState:(value:${value}))`;
const filters = [filter('time', `(time_range:'${span}')`, `'${span}'`)];
if (kind) filters.push(filter('kind', `(filters:!((col:principal_kind,op:IN,val:!(${kind}))))`, `!(${kind})`));
const address = `${base}/superset/dashboard/athena-ledger/?standalone=1&native_filters=${encodeURIComponent(`(${filters.join(',')})`)}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run'],
});
try {
  const page = await (await browser.newContext({ viewport: { width: 1680, height: 1050 }, timezoneId: 'UTC' })).newPage();
  const answers = [], faults = [];
  let open = 0;
  page.on('pageerror', error => faults.push(`page: ${error.message}`));
  page.on('request', request => { open += request.url().includes('/api/v1/chart/data'); });
  page.on('response', async response => {
    if (!response.url().includes('/api/v1/chart/data')) return;
    const form = new URL(response.url()).searchParams.get('form_data');
    const answer = { slice: form && JSON.parse(form).slice_id, status: response.status() };
    try {
      answer.asked = response.request().postDataJSON();
      const body = await response.json();
      answer.results = (body.result || []).map(({ query, status, error, rowcount, data }) => ({ query, status, error, rowcount, data }));
      answer.error = body.message || body.errors;
    } catch (error) { answer.error = String(error); }
    answers.push(answer);
    open--;
  });

  await page.goto(`${base}/login/`, { waitUntil: 'domcontentloaded' });
  await page.fill('input[name="username"], #username, [data-test="username-input"]', user);
  await page.fill('input[name="password"], #password, [data-test="password-input"]', password);
  await Promise.all([page.waitForURL(url => !String(url).includes('/login'), { timeout: PATIENCE_MS }), page.keyboard.press('Enter')]);

  await page.goto(address, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.dashboard-component-chart-holder', { timeout: PATIENCE_MS });
  // Charts out of sight are not asked for: the window becomes as tall as the page.
  const height = await page.evaluate(() => new Promise(done => setTimeout(() => done(Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollHeight))), 1500)));
  await page.setViewportSize({ width: 1680, height: Math.min(height + 150, 9000) });

  const until = Date.now() + PATIENCE_MS;
  const seen = () => new Set(answers.filter(a => a.slice).map(a => a.slice)).size;
  const busy = () => page.locator('[data-test="loading-indicator"], .loading').count();
  for (let calm = 0; calm < 5; calm = open === 0 && seen() >= EXPECTED && await busy() === 0 ? calm + 1 : 0) {
    if (Date.now() > until) { faults.push(`only ${seen()} of ${EXPECTED} charts were asked for, ${open} unanswered`); break; }
    await page.waitForTimeout(400);
  }
  await page.waitForTimeout(1500); // what is drawn moves a while
  faults.push(...await page.locator('.ant-alert-error, .alert-danger, [data-test="error-message"], .missing-chart-container').allInnerTexts());
  const empty = await page.locator('.dashboard-component-chart-holder:has(.ant-empty)').evaluateAll(
    holders => holders.map(holder => holder.querySelector('[data-test="editable-title"], .header-title')?.textContent?.trim()));
  await page.screenshot({ path: picture, fullPage: true });
  writeFileSync(answersFile, JSON.stringify({ answers, faults, empty }));
} finally {
  await browser.close();
}
