import { describe, expect, it } from "vitest";
import { Secret } from "../../src/lib/secret.ts";
import { authorize, baseString, encode, signatureOf } from "../../src/schemes/oauth1/signature.ts";

const get = (url: string) => ({ method: "GET", url, form: null });
const post = (url: string) => ({ method: "POST", url, form: null });

describe("a signature of OAuth 1.0", () => {
  it("has the base string of RFC 5849, section 3.4.1.1: query, header and form, encoded, sorted", () => {
    const request = {
      method: "post",
      url: "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
      form: new URLSearchParams("c2&a3=2+q"),
    };
    const header = [
      ["oauth_consumer_key", "9djdj82h48djs9d2"],
      ["oauth_token", "kkk9d7dh3k39sjv7"],
      ["oauth_signature_method", "HMAC-SHA1"],
      ["oauth_timestamp", "137131201"],
      ["oauth_nonce", "7d8f3e4a"],
    ] as const;
    expect(baseString(request, header)).toBe(
      "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26" +
        "oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26" +
        "oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7",
    );
  });

  it("names the host without its default port, and keeps any other (section 3.4.1.2)", () => {
    expect(baseString(get("https://WWW.Example.net:8080/?q=1"), [])).toBe("GET&https%3A%2F%2Fwww.example.net%3A8080%2F&q%3D1");
    expect(baseString(get("https://example.net:443/a%20b"), [])).toBe("GET&https%3A%2F%2Fexample.net%2Fa%2520b&");
  });

  it("encodes everything but the unreserved characters (section 3.6)", () => {
    expect(encode("Az09-._~")).toBe("Az09-._~");
    expect(encode("!*'() +%ü☃")).toBe("%21%2A%27%28%29%20%2B%25%C3%BC%E2%98%83");
  });

  it("is that of each request of RFC 5849, section 1.2", () => {
    const clientSecret = new Secret("kd94hf93k423kf44");
    const sign = (request: ReturnType<typeof get>, tokenSecret: string | null, ...protocol: [string, string][]) =>
      signatureOf(request, "HMAC-SHA1", { clientSecret, tokenSecret: tokenSecret === null ? null : new Secret(tokenSecret) }, [
        ["oauth_consumer_key", "dpf43f3p2l4k3l03"],
        ["oauth_signature_method", "HMAC-SHA1"],
        ...protocol,
      ]);
    expect(
      sign(
        post("https://photos.example.net/initiate"),
        null,
        ["oauth_timestamp", "137131200"],
        ["oauth_nonce", "wIjqoS"],
        ["oauth_callback", "http://printer.example.com/ready"],
      ),
    ).toBe("74KNZJeDHnMBp0EMJ9ZHt/XKycU=");
    expect(
      sign(
        post("https://photos.example.net/token"),
        "hdhd0244k9j7ao03",
        ["oauth_timestamp", "137131201"],
        ["oauth_nonce", "walatlh"],
        ["oauth_token", "hh5s93j4hdidpola"],
        ["oauth_verifier", "hfdp7dh39dks9884"],
      ),
    ).toBe("gKgrFCywp7rO0OXSjdot/IHF7IU=");
    expect(
      sign(
        get("http://photos.example.net/photos?file=vacation.jpg&size=original"),
        "pfkkdhi9sl3r4s00",
        ["oauth_timestamp", "137131202"],
        ["oauth_nonce", "chapoH"],
        ["oauth_token", "nnch734d00sl2jdk"],
      ),
    ).toBe("MdpQcU8iPSUjWoN/UDMsK2sui9I=");
  });

  const twitter = {
    clientId: "xvz1evFS4wEEPTGEFPHBog",
    clientSecret: new Secret("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw"),
    token: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    tokenSecret: new Secret("LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE"),
  };
  const fresh = { timestamp: "1318622958", nonce: "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg" };
  const update = {
    method: "POST",
    url: "https://api.twitter.com/1.1/statuses/update.json?include_entities=true",
    form: new URLSearchParams({ status: "Hello Ladies + Gentlemen, a signed OAuth request!" }),
  };

  it("stands in the header as in the example that Twitter published, form body and version included", () => {
    expect(authorize(update, "HMAC-SHA1", twitter, { fresh })).toBe(
      'OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", oauth_token="370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", ' +
        'oauth_signature_method="HMAC-SHA1", oauth_timestamp="1318622958", oauth_nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", ' +
        'oauth_version="1.0", oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"',
    );
  });

  it("is the two secrets themselves with PLAINTEXT, encoded twice in the header (section 3.4.4)", () => {
    const secrets = { ...twitter, clientSecret: new Secret("a&b"), tokenSecret: new Secret("c d") };
    expect(signatureOf(update, "PLAINTEXT", secrets, [])).toBe("a%26b&c%20d");
    expect(authorize(update, "PLAINTEXT", secrets, { fresh })).toContain('oauth_signature="a%2526b%26c%2520d"');
  });

  it("is another one for each call, and with HMAC-SHA256 has 32 bytes", () => {
    const one = authorize(update, "HMAC-SHA256", twitter);
    expect(authorize(update, "HMAC-SHA256", twitter)).not.toBe(one);
    const signature = decodeURIComponent(/oauth_signature="([^"]+)"/.exec(one)![1]!);
    expect(Buffer.from(signature, "base64")).toHaveLength(32);
  });
});
