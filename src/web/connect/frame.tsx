import { type ReactNode, useState } from "react";
import { useBrand } from "./brand.ts";
import { isLanguage, LANGUAGES, type Language } from "./words/languages.ts";
import { useWords } from "./words/use-words.ts";

export interface FrameProps {
  language: Language;
  onLanguage(language: Language): void;
  children: ReactNode;
}

/** The product's name and links around the one thing to do; Moorline is not named. */
export function Frame({ language, onLanguage, children }: FrameProps) {
  const { page } = useWords();
  const brand = useBrand();
  const links = [
    [page.support, brand.supportUrl],
    [page.privacy, brand.privacyUrl],
    [page.terms, brand.termsUrl],
  ] as const;
  return (
    <div className="connect">
      <header className="connect-top">
        <Product />
        <label className="language">
          <span className="visually-hidden">{page.language}</span>
          <select value={language} onChange={({ target }) => isLanguage(target.value) && onLanguage(target.value)}>
            {Object.entries(LANGUAGES).map(([tag, { name }]) => (
              <option key={tag} value={tag} lang={tag}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </header>
      <main className="card connect-card">{children}</main>
      <footer className="connect-foot">
        {links.map(
          ([label, url]) =>
            url && (
              <a key={label} href={url} target="_blank" rel="noreferrer noopener">
                {label}
                <span className="visually-hidden"> ({page.newWindow})</span>
              </a>
            ),
        )}
      </footer>
    </div>
  );
}

/** The logo, which says the name to whoever cannot see it; the name in letters where there is none. */
function Product() {
  const { name, logo, logoDark } = useBrand();
  const [broken, setBroken] = useState(false);
  if (!logo || broken) return <span className="product">{name ?? "\u00a0"}</span>;
  return (
    <picture className="product">
      {logoDark && <source srcSet={logoDark} media="(prefers-color-scheme: dark)" />}
      <img src={logo} alt={name ?? ""} onError={() => setBroken(true)} />
    </picture>
  );
}
