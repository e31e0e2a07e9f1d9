// Who is signed in and what is shared here, or how to sign in. Everything shown is text, never markup. All addresses are
// relative: the page may be below a path.

const REASONS = {
  invalid_state: "That sign-in had been begun elsewhere, or too long ago. Please try again.",
  no_email: "Your account there shows no e-mail address, and one is needed.",
  email_not_verified: "Your e-mail address there is not verified yet.",
  invite_required: "You need an invite to join.",
  invalid_invite: "That invite is not, or no longer, good.",
  invite_expired: "That invite has expired. Ask for another one.",
  invite_exhausted: "That invite has been used up. Ask for another one.",
  oauth_failed: "The provider did not confirm who you are. Please try again.",
};
const asked = new URLSearchParams(location.search);
const main = document.querySelector("main");

const element = (name, text = "", fields = {}) =>
  Object.assign(document.createElement(name), { textContent: text }, fields);

const ask = async (path, options) => {
  const answer = await fetch(path, options);
  return answer.ok ? answer.json() : null;
};

const table = (head, rows) => {
  const shown = element("table");
  for (const [kind, cells] of [["th", head], ...rows.map((row) => ["td", row])])
    shown.insertRow().append(...cells.map((cell) => element(kind, cell)));
  return shown;
};

const welcome = async (me) => {
  const { sessions = [] } = (await ask("api/sessions")) ?? {};
  const out = element("button", "Sign out", {
    onclick: async () => (await ask("auth/logout", { method: "POST" })) && location.assign(location.pathname),
  });
  const rows = sessions.map((it) => [it.name, String(it.windows), it.claim ? it.claim.userName : "nobody"]);
  main.replaceChildren(
    element("p", `You are ${me.name}, ${me.role} here. `),
    rows.length ? table(["terminal", "windows", "claimed by"], rows) : element("p", "No terminal is shared now."),
    out,
  );
};

const doors = async () => {
  const { providers = {}, dev = false } = (await ask("api/auth/status")) ?? {};
  const invite = asked.get("invite");
  const names = Object.keys(providers).filter((name) => providers[name]);
  const with_invite = invite ? `?invite=${encodeURIComponent(invite)}` : "";
  main.replaceChildren(
    element("p", invite ? "You have been invited. Sign in to accept." : "You are not signed in."),
    ...names.map((name) => element("a", `Sign in with ${name}`, { href: `auth/${name}${with_invite}` })),
  );
  if (dev) main.append(by_name(invite));
};

const by_name = (invite) => {
  const form = element("form", "", { action: "auth/dev" });
  form.append(element("input", "", { name: "name", required: true, placeholder: "a name" }));
  if (invite) form.append(element("input", "", { name: "invite", type: "hidden", value: invite }));
  form.append(element("button", "Sign in, for development"));
  return form;
};

if (asked.has("error")) {
  const alert = document.querySelector("[role=alert]");
  alert.textContent = REASONS[asked.get("error")] ?? "You could not be signed in.";
  alert.hidden = false;
}
const me = await ask("auth/me");
await (me ? welcome(me) : doors());
