import { XMLParser } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { readXml, writeXml, xmlAround } from "../../src/schemes/xml.ts";

const TEXT = `<&>"' \u00e9\t]]>`;

describe("XML", () => {
  it("is written so that any reader has the texts back as they were, in elements, lists and attributes", async () => {
    const written = writeXml({ a: { "@id": TEXT, b: TEXT, c: ["1", { d: "2" }], e: "", n: 3, off: false } });
    const whole = new XMLParser({
      ignoreAttributes: false,
      htmlEntities: true,
      attributeNamePrefix: "@",
      parseTagValue: false,
      trimValues: false,
    });
    expect(whole.parse(written)).toMatchObject({
      a: { "@id": TEXT, b: TEXT, c: ["1", { d: "2" }], e: "", n: "3", off: "false" },
    });
    expect(await readXml(written)).toEqual({ a: { b: TEXT, c: ["1", { d: "2" }], e: "", n: "3", off: "false" } });
  });

  it("is read with its references, by name and by number, and its CDATA", async () => {
    expect(await readXml("<?xml version='1.0'?><a><!-- c --><b>&#38;&#x41;&amp;&lt;</b><c><![CDATA[<&]]></c></a>")).toEqual({
      a: { b: "&A&<", c: "<&" },
    });
  });

  it("is put around a piece of it, whatever stands before and behind", () => {
    const [before, after] = xmlAround({ x: "1", a: { "@v": "<", y: "2", b: { z: "3", c: "" }, w: "4" }, end: "5" }, "a.b.c");
    expect(`${before}<p/>${after}`).toBe('<x>1</x><a v="&lt;"><y>2</y><b><z>3</z><c><p/></c></b><w>4</w></a><end>5</end>');
  });

  it.each([
    "<a>",
    "<a></b>",
    "plain",
    "",
    '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
    '<!doctype a SYSTEM "file:///etc/passwd"><a/>',
  ])("is not read where it is none, or declares entities: %j", async (text) => {
    const read = await readXml(text);
    expect(read === null || Object.keys(read as object).length === 0).toBe(true);
  });
});
