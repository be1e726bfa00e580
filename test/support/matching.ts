import { expect } from "vitest";

/**
 * A regular expression in `toMatchObject` or `toEqual` is held against the text. Without this `toMatchObject` takes it for an object that
 * says nothing, and passes whatever the text is.
 */
expect.addEqualityTesters([
  (got, wanted) =>
    wanted instanceof RegExp && !(got instanceof RegExp) ? typeof got === "string" && wanted.test(got) : undefined,
]);
