// What matters works in a browser that runs no script.
import { same } from "../browser.mjs";

export default async function ({ visit, chosen }) {
  await visit.begin({ script: false });
  const { page, base } = visit;
  await page.goto(`${base}/console/users`);
  await page.getByLabel("Name", { exact: true }).fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(chosen);
  await page.getByRole("button", { name: "Sign in" }).click();
  same(new URL(page.url()).pathname, "/console/users", "the sign-in leads back to");
  await page.getByLabel("Name", { exact: true }).fill("noscript");
  await page.getByRole("button", { name: "Add the user" }).click();
  await page.getByText("The password for one sign-in of noscript").waitFor();
  same(await page.getByRole("button", { name: "Copy" }).count(), 0, "buttons that need script");
  const row = page.getByRole("row").filter({ hasText: "noscript" });
  await row.getByText("Delete…").click();
  await row.getByRole("button", { name: "Delete noscript" }).click();
  await page.getByText("The user is deleted.").waitFor();
  await page.getByRole("button", { name: "Dark" }).click();
  same(await page.locator("html").getAttribute("data-theme"), "dark", "the theme");
  same(new URL(page.url()).pathname, "/console/users", "the switch stays on the page");

  await page.goto(`${base}/console/`);
  await page.getByText("The same as a table").click();
  await page.getByRole("region", { name: "The last hour as a table" }).waitFor();
  same(await page.locator("#charts").isVisible(), false, "charts that need script");
  await page.goto(`${base}/console/messages`);
  await page.getByText("Load the page again for what came since.").waitFor();
  same(await page.getByRole("button", { name: "Pause" }).count(), 0, "a pause that needs script");
  await page.locator("tbody a").first().click();
  await page.getByRole("heading", { name: "As applications are sent it" }).waitFor();
}
