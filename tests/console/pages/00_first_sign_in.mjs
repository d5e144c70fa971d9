// The first sign-in with the one-time password, which opens nothing else before it is changed.
import { same } from "../browser.mjs";

export default async function ({ visit, password, chosen }) {
  const page = await visit.go("/console/users");
  same(new URL(page.url()).pathname, "/console/sign-in", "who is not signed in comes to");
  await visit.shots("sign-in");
  await visit.refused(() => visit.send({ Name: "admin", Password: "wrong" }, "Sign in"));
  await page.getByText("The name or the password is wrong.").waitFor();
  await visit.shots("sign-in-refused");
  await visit.signIn("admin", password);
  same(new URL(page.url()).pathname, "/console/password", "a one-time password leads to");
  await visit.go("/console/users");
  same(new URL(page.url()).pathname, "/console/password", "nothing else opens than");
  same(await page.getByRole("navigation").count(), 0, "navigation before the password is changed");

  const send = (current, fresh, again) => visit.send(
    { "One-time password": current, "New password": fresh, "New password, once more": again }, "Change the password");
  await visit.refused(() => send(password, "too short", "too short"));
  await page.getByText("The new password must have at least 12 characters.").waitFor();
  same(await page.getByLabel("New password", { exact: true }).getAttribute("aria-invalid"), "true", "the field is marked");
  await visit.shots("password-refused");
  await visit.refused(() => send(password, chosen, `${chosen}!`));
  await page.getByText("This is not what you wrote above.").waitFor();
  await visit.refused(() => send("not it", chosen, chosen));
  await page.getByText("This is not your password.").waitFor();
  await send(password, chosen, chosen);
  await page.getByText("Your password is changed.").waitFor();
  await visit.check();
  await visit.shots("account");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await visit.refused(() => visit.send({ Name: "admin", Password: password }, "Sign in"));
  await page.getByText("The name or the password is wrong.").waitFor();
}
