import { type FormEvent, useCallback, useEffect, useRef, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Loading, Notice } from "../../ui/show.tsx";
import { TextField } from "../../ui/text-field.tsx";
import { signIn, takeSignInToken } from "./session.ts";

/** By the link from the console, which signs in by itself, or by an API key. */
export function SignIn({ onSignedIn, reason }: { onSignedIn(): void; reason: string | null }) {
  const [token] = useState(takeSignInToken);
  const [key, setKey] = useState("");
  const [pending, setPending] = useState(token !== null);
  const [problem, setProblem] = useState<string | null>(null);

  useEffect(() => {
    document.title = "Sign in – Moorline";
  }, []);
  const attempt = useCallback(
    async (secret: { apiKey: string } | { signInToken: string }): Promise<void> => {
      setPending(true);
      setProblem(null);
      try {
        await signIn(secret);
        onSignedIn();
      } catch (error) {
        setProblem(error instanceof Error ? error.message : String(error));
        setPending(false);
      }
    },
    [onSignedIn],
  );
  // A token works once: React's second run of an effect in development must not spend it again.
  const spent = useRef(false);
  useEffect(() => {
    if (!token || spent.current) return;
    spent.current = true;
    void attempt({ signInToken: token });
  }, [token, attempt]);

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (key.trim() === "") setProblem("Enter an API key. It begins with mlk_.");
    else void attempt({ apiKey: key.trim() });
  }

  return (
    <main className="sign-in">
      <div className="card stack">
        <h1>Sign in to Moorline</h1>
        {reason && <Notice tone="warn">{reason}</Notice>}
        {problem && (
          <Notice tone="bad" live>
            {problem}
          </Notice>
        )}
        {pending && token && !problem ? (
          <Loading label="Signing in…" />
        ) : (
          <form className="stack" onSubmit={submit}>
            <TextField
              label="API key"
              help="Of the project that you want to see. What you may do here is what the key may do."
              value={key}
              onChange={setKey}
              secret
              isRequired
              autoFocus
            />
            <div>
              <Button type="submit" variant="primary" isPending={pending}>
                Sign in
              </Button>
            </div>
          </form>
        )}
        <p className="soft small">On a development start, the console shows a link that signs you in without a key, once.</p>
      </div>
    </main>
  );
}
