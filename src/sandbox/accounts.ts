/** The made-up people of the sandbox, and those a visitor makes up by typing an e-mail address. */
export interface Account {
  /** OpenID Connect's `sub`; for a typed address it holds the address, so that nothing must be remembered. */
  id: string;
  name: string;
  email: string;
}

export const PEOPLE: Account[] = [
  { id: "ada", name: "Ada Lovelace", email: "ada@people.example" },
  { id: "grace", name: "Grace Hopper", email: "grace@people.example" },
  { id: "alan", name: "Alan Turing", email: "alan@people.example" },
];

const EMAIL = /^[^\s@<>"]{1,64}@[^\s@<>"]{1,150}$/;

export function findAccount(id: string): Account | undefined {
  const person = PEOPLE.find((candidate) => candidate.id === id);
  if (person || !id.startsWith("mail-")) return person;
  const email = Buffer.from(id.slice("mail-".length), "base64url").toString("utf8");
  return accountForEmail(email)?.id === id ? accountForEmail(email) : undefined;
}

/** Undefined where the text is no e-mail address. */
export function accountForEmail(text: string): Account | undefined {
  const email = text.trim().toLowerCase();
  if (!EMAIL.test(email)) return undefined;
  const person = PEOPLE.find((candidate) => candidate.email === email);
  if (person) return person;
  const name = email.slice(0, email.indexOf("@"));
  return { id: `mail-${Buffer.from(email).toString("base64url")}`, name, email };
}

/** An account by its id or its e-mail address. */
export function accountFor(choice: string): Account | undefined {
  return findAccount(choice) ?? accountForEmail(choice);
}
