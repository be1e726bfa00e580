import { type ReactNode, useEffect, useRef } from "react";

let shown = 0;

/** One thing to look at or do, under the page's only h1, which takes the focus when it follows another step. */
export function Step({ title, children }: { title: string; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    shown += 1;
    // At the first the browser reads the page from its beginning anyway.
    if (shown > 1) heading.current?.focus();
  }, []);
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <section className="stack step">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </section>
  );
}
