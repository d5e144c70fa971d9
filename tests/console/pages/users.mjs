// Users: added, changed, reset, signed out, disabled, deleted.
import { same } from "../browser.mjs";

export default async function ({ visit }) {
  const page = await visit.go("/console/users");
  await visit.refused(() => visit.send({ Name: "Upper Case", Role: "reader" }, "Add the user"));
  await page.getByText("The name must be 1 to 64 of").waitFor();
  same(await page.getByLabel("Name", { exact: true }).inputValue(), "Upper Case", "what was written stays");
  same(await page.getByLabel("Role", { exact: true }).inputValue(), "reader", "what was chosen stays");
  await visit.send({ Name: "jo.smith", Role: "reader" }, "Add the user");
  await page.getByText("The password for one sign-in of jo.smith").waitFor();
  await visit.check();
  await visit.shots("users-added");
  const password = await page.getByRole("textbox", { name: "One-time password" }).innerText();
  await page.goto(`${visit.base}/console/users`);
  same((await page.content()).includes(password), false, "the password is shown again");
  await visit.refused(() => visit.send({ Name: "jo.smith" }, "Add the user"));
  await page.getByText("There is a user of this name.").waitFor();

  await page.goto(`${visit.base}/console/users`);
  const row = page.getByRole("row").filter({ hasText: "jo.smith" });
  await row.getByLabel("Role of jo.smith").selectOption("operator");
  await row.getByRole("button", { name: "Set the role of jo.smith" }).click();
  await page.getByText("The role is changed").waitFor();
  same(await row.getByLabel("Role of jo.smith").inputValue(), "operator", "the role");
  await row.getByRole("button", { name: "Sign out jo.smith" }).click();
  await page.getByText("signed out everywhere").waitFor();
  await row.getByText("Disable…").click();
  await visit.check();
  await visit.shots("users-confirm");
  await row.getByText("Reset password…").click();
  same(await row.locator("details[open]").count(), 1, "questions that are open");
  await page.keyboard.press("Escape");
  same(await row.locator("details[open]").count(), 0, "questions that are open after Escape");
  await row.getByText("Disable…").click();
  await row.getByRole("button", { name: "Disable jo.smith" }).click();
  await page.getByText("The user is disabled").waitFor();
  await row.getByText("Disabled", { exact: true }).waitFor();
  await row.getByRole("button", { name: "Enable jo.smith" }).click();
  await page.getByText("The user is enabled").waitFor();
  await row.getByText("Reset password…").click();
  await row.getByRole("button", { name: "Reset password jo.smith" }).click();
  await page.getByText("The password for one sign-in of jo.smith").waitFor();
  await row.getByText("Delete…").click();
  await row.getByRole("button", { name: "Delete jo.smith" }).click();
  await page.getByText("The user is deleted.").waitFor();
  same(await row.count(), 0, "rows of a deleted user");
  const own = page.getByRole("row").filter({ hasText: "admin" });
  same(await own.getByRole("button").count(), 0, "buttons beside one's own name");
}
