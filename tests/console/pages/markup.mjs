// Markup that stands in everything that the API stores: every page shows it as text.
import { same } from "../browser.mjs";

const MARKUP = `"'><img src=x onerror=alert(1) class=planted>`;

export default async function ({ visit, pages, say }) {
  const { page, base } = visit;
  for (const path of pages) {
    const answer = await page.goto(base + path);
    same(answer.status(), 200, path);
    same(await page.locator(".planted").count(), 0, `elements that were planted into ${path}`);
    visit.assertNoFaults();
  }
  await page.goto(`${base}/console/messages?kind=message`);
  await page.getByText(MARKUP).first().waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  const rows = page.locator("#events tbody tr");
  const before = await rows.count();
  await say(JSON.stringify(`live ${MARKUP}`));
  await page.getByText("live ").and(page.locator("td")).first().waitFor();
  same(await rows.count(), before + 1, "rows after one more");
  same(await page.locator(".planted").count(), 0, "elements that came over the stream");
  visit.assertNoFaults();
}
