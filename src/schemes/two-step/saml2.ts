/** A SAML 2.0 bearer assertion (RFC 7522 section 3), with an enveloped signature (XML Signature, RSA with SHA-256). */
import { createHash, type KeyObject, randomUUID, sign } from "node:crypto";
import { xmlAttribute, xmlText } from "../xml.ts";

/** What is asserted, filled. */
export interface Asserted {
  issuer: string;
  audience: string;
  recipient: string;
  nameId: string;
  attributes: Readonly<Record<string, string>>;
  lifetimeSeconds: number;
}

const SAML = "urn:oasis:names:tc:SAML:2.0";
const DSIG = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";
const RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
const UNSPECIFIED_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";
/** So much before now it says it was made: the provider's clock may be behind. */
const LEEWAY_SECONDS = 60;

/**
 * The document, signed. It is written in the form that canonicalisation (Exclusive XML Canonicalization 1.0) would bring it into, so that
 * what is hashed and signed is the text itself: no comments, no empty-element tags, attributes in order, each prefix declared where it is
 * first used.
 */
export function saml2Assertion(asserted: Asserted, key: KeyObject): string {
  const id = `_${randomUUID()}`;
  const document = documentOf(asserted, id);
  const signedInfo = signedInfoOf(id, document(""));
  const value = sign("sha256", Buffer.from(signedInfo, "utf8"), key).toString("base64");
  // Inside the signature its namespace is in scope; canonicalised by itself the part declares it again.
  const inside = signedInfo.replace(` xmlns:ds="${DSIG}"`, "");
  return document(`<ds:Signature xmlns:ds="${DSIG}">${inside}<ds:SignatureValue>${value}</ds:SignatureValue></ds:Signature>`);
}

function signedInfoOf(id: string, content: string): string {
  const digest = createHash("sha256").update(content, "utf8").digest("base64");
  return [
    `<ds:SignedInfo xmlns:ds="${DSIG}">`,
    `<ds:CanonicalizationMethod Algorithm="${EXCLUSIVE_C14N}"></ds:CanonicalizationMethod>`,
    `<ds:SignatureMethod Algorithm="${RSA_SHA256}"></ds:SignatureMethod>`,
    `<ds:Reference URI="#${id}"><ds:Transforms>`,
    `<ds:Transform Algorithm="${DSIG}enveloped-signature"></ds:Transform>`,
    `<ds:Transform Algorithm="${EXCLUSIVE_C14N}"></ds:Transform>`,
    `</ds:Transforms><ds:DigestMethod Algorithm="${SHA256}"></ds:DigestMethod>`,
    `<ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`,
  ].join("");
}

/** The document around a signature, or without one. */
function documentOf(asserted: Asserted, id: string): (signature: string) => string {
  const { issuer, audience, recipient, nameId, attributes, lifetimeSeconds } = asserted;
  const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  const [begins, now, ends] = [at(-LEEWAY_SECONDS), at(0), at(lifetimeSeconds)];
  const told = Object.entries(attributes).map(
    ([name, value]) =>
      `<saml2:Attribute Name="${xmlAttribute(name)}"><saml2:AttributeValue>${xmlText(value)}</saml2:AttributeValue></saml2:Attribute>`,
  );
  const start = [
    `<saml2:Assertion xmlns:saml2="${SAML}:assertion" ID="${id}" IssueInstant="${now}" Version="2.0">`,
    `<saml2:Issuer>${xmlText(issuer)}</saml2:Issuer>`,
  ];
  const rest = [
    `<saml2:Subject><saml2:NameID Format="${UNSPECIFIED_NAME}">${xmlText(nameId)}</saml2:NameID>`,
    `<saml2:SubjectConfirmation Method="${SAML}:cm:bearer">`,
    `<saml2:SubjectConfirmationData NotOnOrAfter="${ends}" Recipient="${xmlAttribute(recipient)}"></saml2:SubjectConfirmationData>`,
    `</saml2:SubjectConfirmation></saml2:Subject>`,
    `<saml2:Conditions NotBefore="${begins}" NotOnOrAfter="${ends}"><saml2:AudienceRestriction>`,
    `<saml2:Audience>${xmlText(audience)}</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>`,
    `<saml2:AuthnStatement AuthnInstant="${now}" SessionIndex="${id}"><saml2:AuthnContext>`,
    `<saml2:AuthnContextClassRef>${SAML}:ac:classes:unspecified</saml2:AuthnContextClassRef>`,
    `</saml2:AuthnContext></saml2:AuthnStatement>`,
    ...(told.length > 0 ? [`<saml2:AttributeStatement>${told.join("")}</saml2:AttributeStatement>`] : []),
    `</saml2:Assertion>`,
  ];
  // Its place is behind the issuer (SAML 2.0 core, section 2.3.3).
  return (signature) => [...start, signature, ...rest].join("");
}
