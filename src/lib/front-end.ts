/** Schemes that a browser would run or read itself, instead of going somewhere. */
const LOCAL_SCHEMES = ["javascript:", "data:", "vbscript:", "file:", "blob:", "about:", "view-source:", "filesystem:"];

/** A complete URL that a browser may be sent back to: no fragment, no user and password, an app's own scheme allowed. */
export function isReturnUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    !url.hash &&
    !value.includes("#") &&
    !url.username &&
    !url.password &&
    !LOCAL_SCHEMES.includes(url.protocol) &&
    !/[\s\\]/.test(value)
  );
}

/** Scheme, host and port, as `event.origin` in a browser. */
export function isOrigin(value: string): boolean {
  const url = URL.parse(value);
  // A host with an asterisk is one to the URL parser and to no browser: whoever writes it means a pattern, which nothing here is.
  if (url && ["http:", "https:"].includes(url.protocol)) return url.origin === value && !value.includes("*");
  // What a web view of an app sends: capacitor://localhost.
  return /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+(:\d{1,5})?$/.test(value) && !LOCAL_SCHEMES.includes(url?.protocol ?? "about:");
}
